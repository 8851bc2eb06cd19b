//! Secrets: where they come from, and that nobody sees them.

use super::*;

#[test]
fn secrets_by_file_and_environment_are_put_in_place() {
    let text = format!(
        "{BASE}[[advertiser]]\nid = 2\nname = \"B\"\ntoken_file = \"run/t\" # rotates\nshopify_secret_env = \"S\"\n"
    );
    let mut asked = Vec::new();
    let resolved = resolve_secrets("a.toml", &text, &mut |source| {
        asked.push(format!("{source:?}"));
        Ok(match source {
            SecretSource::File(_) => "first-token\r\n\nsecond \"token\"\n".to_owned(),
            SecretSource::Environment(_) => "shop-secret".to_owned(),
        })
    })
    .unwrap();
    assert_eq!(resolved.lines().count(), text.lines().count());
    assert!(resolved.contains(" # rotates"));
    let catalog = parse(&[("a.toml", &resolved)]).unwrap();
    let advertiser = &catalog.advertisers[&units::AdvertiserId(2)];
    let tokens: Vec<&str> = advertiser.tokens.iter().map(|it| &*it.0).collect();
    assert_eq!(tokens, ["first-token", "second \"token\""]);
    assert_eq!(&*advertiser.shopify_secrets[0].0, "shop-secret");
    asked.sort();
    assert_eq!(asked, ["Environment(\"S\")", "File(\"run/t\")"]);

    for answer in [Err("no such file".to_owned()), Ok(" \n".to_owned())] {
        let errors = resolve_secrets("a.toml", &text, &mut |_| answer.clone()).unwrap_err();
        let found: Vec<_> = errors.iter().map(|it| (it.line - BASE_LINES, it.code)).collect();
        assert_eq!(found, [(4, ErrorCode::UnresolvedSecret), (5, ErrorCode::UnresolvedSecret)]);
    }
}

#[test]
fn secrets_are_never_shown() {
    let catalog = parse(&[("a.toml", EXAMPLE)]).unwrap();
    let other = parse(&[("a.toml", &EXAMPLE.replace("first-token-1", "other-token-1"))]).unwrap();
    assert!(!format!("{catalog:?}").contains("token-1"));
    assert_eq!(diff(&catalog, &other), ["advertiser 1: tokens changed"]);
    let errors = parse(&[("a.toml", &EXAMPLE.replace("\"first-token-1\"", "\"s3cret\""))]).unwrap_err();
    assert!(!format!("{errors:?}").contains("s3cret"));
}

#[test]
fn webhook_secrets_are_read_checked_compared_and_never_shown() {
    const FIRST: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let with =
        |line: &str| parse(&[("a.toml", &BASE.replace("name = \"A\"", &format!("name = \"A\"\n{line}")))]);
    let of = |catalog: &Catalog| catalog.advertisers[&units::AdvertiserId(1)].webhook_secrets.clone();
    let none = with("").unwrap();
    let one = with(&format!("webhook_secret = \"{FIRST}\"")).unwrap();
    let two = with(&format!("webhook_secrets = [\"{FIRST}\", \"whsec_{}\"]", "QUFB".repeat(8))).unwrap();
    assert_eq!([of(&none).len(), of(&one).len(), of(&two).len()], [0, 1, 2]);
    assert_eq!(&*of(&one)[0].0, FIRST);
    assert_eq!(diff(&none, &one), ["advertiser 1: webhook secrets changed"]);
    assert!(!format!("{two:?}").contains("MfKQ"));

    let refused = [
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
        format!("WHSEC_{}", "QUFB".repeat(8)),
        format!("whsec_{}", "QUFB".repeat(7)),
        format!("whsec_{}QQ", "QUFB".repeat(8)),
        format!("whsec_{}-_==", "QUFB".repeat(8)),
    ];
    for secret in &refused {
        let errors = with(&format!("webhook_secret = \"{secret}\"")).unwrap_err();
        let found: Vec<_> = errors.iter().map(|it| (it.line, it.code)).collect();
        assert_eq!(found, [(4, ErrorCode::BadSecret)], "{secret}");
        assert!(!format!("{errors:?}").contains(secret), "{errors:?}");
    }
}
