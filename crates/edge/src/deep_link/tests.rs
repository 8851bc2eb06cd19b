//! Deep links, one row each, and arbitrary text.

use proptest::prelude::*;

use super::*;

const LINK: LinkId = LinkId(77);
const NOW: EpochMs = EpochMs(1_763_818_571_042);

fn secrets() -> Vec<Secret> {
    vec![Secret("a secret of the tests".into())]
}

fn hosts() -> Vec<HostRule> {
    ["good.example", ".wide.example", "bücher.example", "odd.example:8443"]
        .iter()
        .map(|it| HostRule::parse(it).unwrap())
        .collect()
}

fn judged(url: &str) -> Result<String, LandingChoice> {
    let asked = Asked { url, ..Asked::default() };
    check(asked, LINK, &hosts(), &secrets(), NOW).map(String::from)
}

fn judged_signed(parameters: &str, link: LinkId) -> Result<String, LandingChoice> {
    let mut asked = [const { String::new() }; 4];
    for (name, value) in url::form_urlencoded::parse(parameters.as_bytes()) {
        let index = ["url", "sig_exp", "sig_key", "sig"].iter().position(|it| *it == name).unwrap();
        asked[index] = value.into_owned();
    }
    let [url, expiry, key_id, signature] = &asked;
    check(Asked { url, signature, expiry, key_id }, link, &hosts(), &secrets(), NOW).map(String::from)
}

// faults 3, 7, 8, 9, 10, 11, 13, 14
#[test]
fn only_hosts_of_the_offer_are_reached_unsigned() {
    use LandingChoice::{BadUrl, Unsigned};
    let cases = [
        ("https://evil.example", Err(Unsigned)),
        ("//evil.example", Err(BadUrl)),
        ("/\\evil.example", Err(BadUrl)),
        ("https:evil.example", Err(BadUrl)),
        ("https:/\\evil.example", Err(BadUrl)),
        ("https:///evil.example", Err(BadUrl)),
        ("https://good.example@evil.example/", Err(BadUrl)),
        ("https://good.example:pw@good.example/", Err(BadUrl)),
        ("https://good.example\\@evil.example/", Err(BadUrl)),
        ("https://good.example.evil.example", Err(Unsigned)),
        ("https://evilgood.example", Err(Unsigned)),
        ("https://notwide.example", Err(Unsigned)),
        ("https://sub.good.example", Err(Unsigned)),
        ("javascript:alert(1)", Err(BadUrl)),
        ("data:text/html,x", Err(BadUrl)),
        ("file:///etc/passwd", Err(BadUrl)),
        ("intent://good.example/#Intent;end", Err(BadUrl)),
        ("https://good.example/a\tb", Err(BadUrl)),
        ("https://good.example/\r\nSet-Cookie: x", Err(BadUrl)),
        ("https://good.example/%0d%0aSet-Cookie:x", Err(BadUrl)),
        ("https://good.example/%00", Err(BadUrl)),
        ("https://gооd.example/", Err(Unsigned)),
        ("https://good.example:8443/", Err(Unsigned)),
        ("https://odd.example/", Err(Unsigned)),
        ("579", Err(BadUrl)),
        ("", Err(BadUrl)),
        ("https://", Err(BadUrl)),
        ("https://GOOD.example./a?b=c#d", Ok("https://good.example./a?b=c#d")),
        ("https://good.example:443/", Ok("https://good.example/")),
        ("https://xn--bcher-kva.example/", Ok("https://xn--bcher-kva.example/")),
        ("https://Bücher.example/", Ok("https://xn--bcher-kva.example/")),
        ("https://a.b.wide.example/", Ok("https://a.b.wide.example/")),
        ("https://wide.example/", Ok("https://wide.example/")),
        ("https://odd.example:8443/x y", Err(BadUrl)),
        ("https://odd.example:8443/x%20y", Ok("https://odd.example:8443/x%20y")),
    ];
    for (url, want) in cases {
        assert_eq!(judged(url), want.map(str::to_owned), "{url}");
    }
}

// faults 4, 5, 6
#[test]
fn a_signature_holds_for_its_bytes_its_link_and_its_time() {
    let far = "https://far.example/page?a=1";
    let signed = sign("a secret of the tests", LINK, far, NOW.forth(60_000));
    assert_eq!(judged_signed(&signed, LINK), Ok(far.to_owned()));
    let changed = signed.replace("page", "pagf");
    assert_eq!(judged_signed(&changed, LINK), Err(LandingChoice::BadSignature));
    assert_eq!(judged_signed(&signed, LinkId(78)), Err(LandingChoice::BadSignature));
    let expired = sign("a secret of the tests", LINK, far, NOW);
    assert_eq!(judged_signed(&expired, LINK), Err(LandingChoice::Expired));
    let other_secret = sign("another secret", LINK, far, NOW.forth(60_000));
    assert_eq!(judged_signed(&other_secret, LINK), Err(LandingChoice::BadSignature));
    let script = sign("a secret of the tests", LINK, "javascript:alert(1)", NOW.forth(60_000));
    assert_eq!(judged_signed(&script, LINK), Err(LandingChoice::BadUrl), "a signature opens no scheme");
}

#[test]
fn the_signature_is_frozen() {
    let signed = sign("a secret of the tests", LINK, "https://far.example/page?a=1", NOW);
    assert_eq!(signed, include_str!("../../tests/golden/deep_link_v1.txt").trim());
}

proptest! {
    #[test]
    fn whatever_is_asked_the_host_is_one_of_the_rules(text in "\\PC{0,80}", tail in "[a-z@:/\\\\.?#\t%0-9]{0,30}") {
        let rules = hosts();
        for asked in [text.clone(), format!("https://good.example{tail}"), format!("https:{tail}"), format!("https://{text}.wide.example/{tail}")] {
            if let Ok(url) = judged(&asked) {
                let url = Url::parse(&url).unwrap();
                prop_assert!(rules.iter().any(|it| it.allows(&url)), "{asked} led to {url}");
            }
        }
    }
}
