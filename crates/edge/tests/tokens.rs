//! Who may report an order: a token that is right to the last bit, in force, and of that advertiser. Anybody else gets 401 and leaves nothing behind.
//!
//! Not here: that the comparison takes the same time whatever it compares, which the rules about the tree hold (`xtask`, `tests/tidy.rs`).

mod support;

use support::{CATALOG, Running, apply, start, until};

const ORDER: &str = "order_id=A-1&amount=12.50";

/// Of the second advertiser too, so that there is another tenant's token.
fn two_tenants() -> String {
    CATALOG.replace("id = 2\nname = \"Open\"\n", "id = 2\nname = \"Pots\"\ntokens = [\"token-of-pots\"]\n")
}

fn status(edge: &Running, more: &str, header: &[(&str, &str)]) -> u16 {
    let answer = edge.get(&format!("/postback?{ORDER}{more}"), header);
    if answer.status == 401 {
        assert!(answer.body.contains("\"error\":\"token_"), "{answer:?}");
    }
    answer.status
}

/// Percent-encoded, so that any byte travels.
fn encoded(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| ["%".to_owned(), format!("{byte:02x}")]).collect::<Vec<_>>().concat()
}

// fault 120
#[test]
fn a_token_with_one_bit_changed_a_part_of_one_or_more_than_one_is_refused_with_401() {
    let edge = start();
    let token = b"first-token";
    assert_eq!(status(&edge, &format!("&token={}", encoded(token)), &[]), 200);
    let mut tried = 0;
    for bit in 0..8 * token.len() {
        let mut changed = token.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(status(&edge, &format!("&token={}", encoded(&changed)), &[]), 401, "{changed:?}");
        tried += 1;
    }
    assert_eq!(tried, 88);
    for other in
        ["first-toke", "irst-token", "first-tokenfirst-token", "FIRST-TOKEN", "first-token\0", "*", "%"]
    {
        assert_eq!(status(&edge, &format!("&token={}", encoded(other.as_bytes())), &[]), 401, "{other:?}");
    }
    for header in [("X-Api-Key", "first-tokeo"), ("Authorization", "Bearer first-tokeo")] {
        assert_eq!(status(&edge, "", &[header]), 401, "{header:?}");
        let beside = [header];
        assert_eq!(
            status(&edge, "&token=first-token", &beside),
            401,
            "a wrong header is not made good by a parameter"
        );
    }
    assert_eq!(status(&edge, "&advertiser=1", &[]), 401, "none at all");
    assert_eq!(edge.spooled().reports().len(), 1, "only the first was recorded");
}

// fault 120
#[test]
fn a_revoked_token_and_another_tenants_are_refused_with_401() {
    let edge = start();
    apply(edge.data.path(), 2, &two_tenants());
    until("the second version is in force", || status(&edge, "&token=token-of-pots", &[]) == 200);
    assert_eq!(status(&edge, "&token=token-of-pots&advertiser=2", &[]), 200);
    assert_eq!(status(&edge, "&token=token-of-pots&advertiser=1", &[]), 401, "another tenant's orders");
    assert_eq!(status(&edge, "&token=token-of-pots&offer_id=10", &[]), 401, "by his offer neither");
    assert_eq!(status(&edge, "&token=first-token&advertiser=2", &[]), 401);
    let before = edge.spooled().reports().len();
    let lines = [b"{\"order_id\":\"A-2\",\"amount\":1,\"advertiser\":1}\n".as_slice(); 2].concat();
    let batch = edge.send("POST", "/v1/reports", &[("X-Api-Key", "token-of-pots")], &lines);
    assert_eq!(batch.status, 401, "{batch:?}");

    apply(edge.data.path(), 3, &two_tenants().replace("\"first-token\", ", ""));
    until("the first token is revoked", || status(&edge, "&token=first-token", &[]) == 401);
    assert_eq!(status(&edge, "", &[("X-Api-Key", "first-token")]), 401);
    assert_eq!(status(&edge, "&token=second-token", &[]), 200, "its neighbour is not");
    let reports = edge.spooled();
    assert!(reports.reports().len() > before, "{before}");
    let of =
        |advertiser: u32| reports.reports().iter().filter(|it| it.key.advertiser.0 == advertiser).count();
    assert!(of(2) > 0 && of(1) + of(2) == reports.reports().len());
}
