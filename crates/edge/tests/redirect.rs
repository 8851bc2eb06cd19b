//! What a visitor gets who follows a link, and what is recorded of it.

mod support;

use events::{Browser, Device, IpPrefix, LandingChoice, Os, TouchKind, Verdict};
use support::{CATALOG, NOW, apply, apply_raw, keyring, start, start_in, start_with, until};
use units::{LinkId, OfferId, PartnerId};
use url::Url;

#[test]
fn a_click_is_redirected_with_a_signed_id_and_recorded_whole() {
    let edge = start();
    let target =
        "/c/TEA?sub1=a%20b&sub7=x&utm_source=mail&gclid=G&color=red&click=forged&from=forged&aff_click_id=P1";
    let answer = edge.get(target, &[("Referer", "https://blog.example/post?private=1")]);
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-robots-tag"), Some("noindex"));
    let url = Url::parse(answer.location()).unwrap();
    assert_eq!(url.as_str(), answer.location(), "what we send is what browsers read");
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let value = |name: &str| pairs.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str());
    let id = keyring().check(value("click").unwrap()).unwrap();
    assert_eq!(
        (value("from"), value("s"), value("color"), value("gclid")),
        (Some("net"), Some("a b"), Some("red"), Some("G"))
    );
    assert_eq!(
        pairs.iter().filter(|(name, _)| name == "click" || name == "from").count(),
        2,
        "no name twice"
    );
    assert_eq!((url.host_str(), url.fragment()), (Some("shop.example"), Some("top")));

    let spooled = edge.spooled();
    let clicks = spooled.clicks();
    let [click] = clicks.as_slice() else { panic!("{clicks:?}") };
    assert_eq!((click.head.id, click.head.origin.sequence), (id, 1));
    assert_eq!((click.head.kind, click.head.verdict), (TouchKind::Click, Verdict::Valid));
    assert_eq!(
        (click.head.link(), click.head.partner, click.head.offer),
        (LinkId(1000), PartnerId(100), OfferId(10))
    );
    assert_eq!((click.head.catalog.0, click.head.currency.as_str()), (1, "EUR"));
    assert_eq!((click.head.device, click.os, click.browser), (Device::Desktop, Os::Linux, Browser::Chrome));
    assert_eq!((click.referrer_host, click.source, click.partner_click_id), ("blog.example", "mail", "P1"));
    assert_eq!(click.subs, [(1, "a b"), (7, "x")]);
    assert_eq!(click.tags, [("utm_source", "mail"), ("gclid", "G")]);
    assert_eq!((click.landing, click.deep_link, click.visitor_is_new), (LandingChoice::Stored, "", true));
    assert_eq!((click.ip, click.ip_hash), (IpPrefix::None, 0), "a private address is nobody's network");
    assert!(click.head.at() >= NOW);
}

// fault 29
#[test]
fn a_visitor_is_known_again_by_his_cookie_and_his_second_click_is_a_duplicate() {
    let edge = start();
    let first = edge.get("/c/tea", &[]);
    let cookie = first.cookie().unwrap();
    let second = edge.get("/c/tea", &[("Cookie", cookie)]);
    assert_eq!((second.status, second.cookie()), (302, None));
    let other_link = edge.get("/c/pots", &[("Cookie", cookie)]);
    let forged = edge.get("/c/tea", &[("Cookie", "tvid=00000000000000010000000000000001")]);
    assert!(forged.cookie().is_some(), "a chosen id is not taken");
    assert_eq!(other_link.status, 302);
    let spooled = edge.spooled();
    let clicks = spooled.clicks();
    let verdicts: Vec<Verdict> = clicks.iter().map(|it| it.head.verdict).collect();
    assert_eq!(verdicts, [Verdict::Valid, Verdict::Duplicate, Verdict::Valid, Verdict::Valid]);
    assert_eq!(clicks[0].head.visitor(), clicks[1].head.visitor());
    assert_ne!(clicks[0].head.visitor(), clicks[3].head.visitor());
    assert!(clicks[0].visitor_is_new && !clicks[1].visitor_is_new);
}

// fault 29
#[test]
fn the_duplicate_window_of_a_link_is_its_partners_then_its_types_then_its_offers() {
    use Verdict::{Duplicate, Valid};
    let of_kind = |kind: &str, window: &str| {
        format!("[[override]]\noffer = 10\npartner_type = \"{kind}\"\nduplicate_window = \"{window}\"\n")
    };
    let of_partner =
        |window: &str| format!("[[override]]\noffer = 10\npartner = 100\nduplicate_window = \"{window}\"\n");
    let coupon = "[[partner]]\nid = 102\nname = \"Codes\"\ntype = \"coupon\"\n";
    let cases = [
        ("the offer says an hour", String::new(), Duplicate),
        ("the type says none", of_kind("content", "0s"), Valid),
        ("another type says none", format!("{coupon}{}", of_kind("coupon", "0s")), Duplicate),
        ("the partner says none", of_partner("0s"), Valid),
        ("the partner's stands over the type's", of_kind("content", "0s") + &of_partner("1h"), Duplicate),
        ("and the other way round", of_kind("content", "1h") + &of_partner("0s"), Valid),
    ];
    for (name, overrides, want) in cases {
        let data = tempfile::tempdir().unwrap();
        apply(data.path(), 1, &format!("{CATALOG}{overrides}"));
        let edge = start_in(data, |_| {});
        let first = edge.get("/c/tea", &[]);
        let cookie = first.cookie().unwrap();
        edge.get("/c/tea?sub1=again", &[("Cookie", cookie)]);
        let verdicts: Vec<Verdict> = edge.spooled().clicks().iter().map(|it| it.head.verdict).collect();
        assert_eq!(verdicts, [Valid, want], "{name}");
    }
}

// fault 29, before the browser has the cookie; fault 27
#[test]
fn a_double_click_without_cookie_is_known_by_network_and_user_agent() {
    let edge = start_with(|options| options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    edge.get("/c/tea", &[("X-Forwarded-For", "203.0.113.7")]);
    edge.get("/c/tea", &[("X-Forwarded-For", "9.9.9.9, 203.0.113.7")]);
    edge.get("/c/tea", &[("X-Forwarded-For", "203.0.113.8")]);
    let spooled = edge.spooled();
    let clicks = spooled.clicks();
    let verdicts: Vec<Verdict> = clicks.iter().map(|it| it.head.verdict).collect();
    assert_eq!(verdicts, [Verdict::Valid, Verdict::Duplicate, Verdict::Valid]);
    assert!(clicks.iter().all(|it| it.ip == IpPrefix::V4([203, 0, 113])));
    assert!(
        clicks[0].ip_hash != 0
            && clicks[0].ip_hash == clicks[1].ip_hash
            && clicks[0].ip_hash != clicks[2].ip_hash
    );
}

// fault 27
#[test]
fn a_forwarding_header_from_a_stranger_is_not_believed() {
    let edge = start();
    edge.get("/c/tea", &[("X-Forwarded-For", "203.0.113.7")]);
    assert_eq!(edge.spooled().clicks()[0].ip, IpPrefix::None);
}

// fault 28
#[test]
fn a_visitor_who_opts_out_gets_no_cookie_and_no_lasting_id() {
    let edge = start();
    let known = edge.get("/c/pots", &[]);
    let cookie = known.cookie().unwrap().to_owned();
    for header in [("Sec-GPC", "1"), ("DNT", "1")] {
        let answer = edge.get("/c/tea", &[header, ("Cookie", &cookie)]);
        assert_eq!((answer.status, answer.cookie()), (302, None));
    }
    let spooled = edge.spooled();
    let clicks = spooled.clicks();
    assert!(clicks[1].consent.gpc && clicks[2].consent.dnt);
    assert!(clicks.iter().skip(1).all(|it| it.head.visitor() != clicks[0].head.visitor()));
    assert_ne!(clicks[1].head.visitor(), clicks[2].head.visitor());
}

// faults 22, 23, 24, 25
#[test]
fn heads_prefetches_previews_and_robots_are_recorded_as_what_they_are() {
    let edge = start();
    let head = edge.send("HEAD", "/c/tea", &[], b"");
    assert_eq!((head.status, head.body.as_str()), (302, ""));
    assert!(head.location().starts_with("https://shop.example/tea?"));
    let speculative = [
        ("Sec-Purpose", "prefetch"),
        ("Sec-Purpose", "prefetch;prerender"),
        ("Purpose", "prefetch"),
        ("X-Moz", "prefetch"),
        ("X-Purpose", "preview"),
    ];
    for header in speculative {
        let answer = edge.get("/c/tea", &[header]);
        assert_eq!((answer.status, answer.header("cache-control")), (503, Some("no-store")), "{header:?}");
        assert_eq!((answer.header("location"), answer.cookie()), (None, None));
    }
    assert_eq!(edge.get("/c/tea", &[]).status, 302, "the real navigation comes to us");
    assert_eq!(edge.get("/c/tea", &[("User-Agent", "facebookexternalhit/1.1")]).status, 302);
    assert_eq!(edge.get("/c/tea", &[("User-Agent", "curl/8.5.0")]).status, 302);
    let spooled = edge.spooled();
    let verdicts: Vec<Verdict> = spooled.clicks().iter().map(|it| it.head.verdict).collect();
    assert_eq!(verdicts.first(), Some(&Verdict::Head));
    assert_eq!(verdicts[1..6], [Verdict::Prefetch; 5]);
    assert_eq!(verdicts[6..], [Verdict::Valid, Verdict::Preview, Verdict::Bot]);
    assert_eq!(verdicts.iter().filter(|it| it.is_click() && it.is_valid()).count(), 1);
    let advice = edge.get("/.well-known/traffic-advice", &[]);
    assert_eq!((advice.status, advice.header("content-type")), (200, Some("application/trafficadvice+json")));
}

// faults 1, 2
#[test]
fn unknown_and_inactive_links_lead_to_the_fallback_or_nowhere() {
    let edge = start();
    assert_eq!(edge.get("/c/nothing", &[]).status, 404);
    assert_eq!(edge.get("/c/gone", &[]).status, 404);
    assert_eq!(edge.get("/c/", &[]).status, 404);
    apply(edge.data.path(), 2, &format!("fallback_url = \"https://fallback.example/\"\n{CATALOG}"));
    until("version 2 is in force", || edge.get("/c/nothing", &[]).status == 302);
    assert_eq!(edge.get("/c/gone", &[]).location(), "https://fallback.example/");
    assert!(edge.spooled().clicks().is_empty(), "nobody followed a link of ours");
    let page = edge.admin("/metrics").body;
    assert!(page.contains("fate=\"inactive\"") && page.contains("fate=\"unknown_link\""), "{page}");
}

// faults 3, 5, 6, 8
#[test]
fn a_deep_link_is_followed_to_the_offers_hosts_or_with_a_signature() {
    let edge = start();
    let signed = edge::sign_deep_link(
        "a deep secret",
        LinkId(1000),
        "https://far.example/p?q=1",
        NOW.forth(3_600_000),
    );
    let other =
        edge::sign_deep_link("a deep secret", LinkId(1001), "https://far.example/p", NOW.forth(3_600_000));
    let expired = edge::sign_deep_link("a deep secret", LinkId(1000), "https://far.example/p", NOW);
    let cases = [
        (
            "url=https://shop.example/x%3Fy%3D1%23z".to_owned(),
            LandingChoice::DeepLink,
            "https://shop.example/x?y=1&click=",
        ),
        ("ulp=https://a.wide.example/".to_owned(), LandingChoice::DeepLink, "https://a.wide.example/?click="),
        (
            "url=https://shop.example/x%3Fclick%3Dforged".to_owned(),
            LandingChoice::DeepLink,
            "https://shop.example/x?click=2",
        ),
        ("url=https://evil.example/".to_owned(), LandingChoice::Unsigned, "https://shop.example/tea?"),
        (
            "url=https://shop.example@evil.example/".to_owned(),
            LandingChoice::BadUrl,
            "https://shop.example/tea?",
        ),
        (signed.clone(), LandingChoice::DeepLink, "https://far.example/p?q=1&click="),
        (signed.replace("q%3D1", "q%3D2"), LandingChoice::BadSignature, "https://shop.example/tea?"),
        (other, LandingChoice::BadSignature, "https://shop.example/tea?"),
        (expired, LandingChoice::Expired, "https://shop.example/tea?"),
    ];
    for (query, _, want) in &cases {
        let answer = edge.get(&format!("/c/tea?{query}&sub1=s"), &[]);
        assert!(answer.location().starts_with(want), "{query} led to {}", answer.location());
        assert!(!answer.location().contains("forged"));
        assert_eq!(Url::parse(answer.location()).unwrap().as_str(), answer.location());
    }
    let spooled = edge.spooled();
    let choices: Vec<LandingChoice> = spooled.clicks().iter().map(|it| it.landing).collect();
    assert_eq!(choices, cases.iter().map(|(_, choice, _)| *choice).collect::<Vec<_>>());
}

// fault 12
#[test]
fn a_line_break_in_a_macros_value_stays_in_it() {
    let edge = start();
    let answer = edge.get("/c/tea?sub1=%0d%0aSet-Cookie:x=1%0d%0aLocation:%20https://evil.example", &[]);
    assert!(answer.location().contains("&s=%0D%0ASet-Cookie%3Ax%3D1%0D%0ALocation"), "{}", answer.location());
    assert!(answer.all("set-cookie").iter().all(|it| it.starts_with("tvid=")));
}

// fault 26, 54
#[test]
fn long_and_broken_headers_and_texts_are_cut_and_the_click_recorded() {
    let edge = start();
    let long = "y".repeat(10_240);
    let answer = edge.get("/c/tea", &[("User-Agent", ""), ("Referer", &long)]);
    assert_eq!(answer.status, 302);
    let mut raw = b"GET /c/tea HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUser-Agent: \xff\xfe\r\nReferer: https://\xff\xfe/\r\n\r\n".to_vec();
    assert!(edge.raw(&raw).starts_with("HTTP/1.1 302 "));
    raw.clear();
    let subs = (1..=30).map(|n| format!("sub{n}={}&", "z".repeat(250))).collect::<Vec<_>>().concat();
    assert_eq!(
        edge.get(&format!("/c/tea?{subs}url=https://shop.example/{}", "p".repeat(300)), &[]).status,
        302
    );
    let spooled = edge.spooled();
    assert_eq!(spooled.clicks().len(), 3);
    assert!(spooled.records.iter().all(|it| it.len() <= events::INPUT_BYTES_MAX));
    assert!(spooled.clicks()[2].subs.iter().map(|(_, value)| value.len()).sum::<usize>() >= 4096);
}

// faults 34, 35
#[test]
fn a_broken_version_changes_nothing_and_none_at_all_is_not_ready() {
    let empty = support::start_in(tempfile::tempdir().unwrap(), |_| {});
    assert_eq!(empty.admin("/readyz").status, 503);
    assert_eq!(empty.admin("/livez").status, 200);
    assert_eq!(empty.get("/c/tea", &[]).status, 503);
    assert_eq!(empty.get("/postback?order_id=1", &[]).status, 503);
    drop(empty);

    let edge = start();
    assert_eq!(edge.admin("/readyz").status, 200);
    apply_raw(edge.data.path(), 2, "not a catalog [");
    until("the broken version is counted", || {
        edge.admin("/readyz?verbose").body.contains("[!] catalog_versions_broken: 1")
    });
    assert_eq!((edge.admin("/readyz").status, edge.get("/c/tea", &[]).status), (200, 302));
    apply(edge.data.path(), 3, &CATALOG.replace("\"tea\"", "\"coffee\""));
    until("version 3 is in force", || edge.get("/c/coffee", &[]).status == 302);
    assert_eq!(edge.get("/c/tea", &[]).status, 404);
}

#[test]
fn a_view_is_recorded_by_the_pixel() {
    let edge = start();
    let answer = edge.get("/p.gif?link=tea&sub1=banner", &[]);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/gif")));
    assert!(answer.cookie().is_some());
    assert_eq!(edge.get("/p.gif?link=nothing", &[]).status, 404);
    let spooled = edge.spooled();
    let clicks = spooled.clicks();
    assert_eq!((clicks.len(), clicks[0].head.kind, clicks[0].subs.len()), (1, TouchKind::View, 1));
}

#[test]
fn a_visit_that_asks_not_to_count_is_redirected_and_forgotten() {
    let edge = start();
    let answer = edge.get("/c/tea?no-track=1", &[]);
    assert!(answer.location().starts_with("https://shop.example/tea?"));
    assert_eq!(answer.cookie(), None);
    assert!(edge.spooled().clicks().is_empty());
}

#[test]
fn the_bytes_of_a_redirect_are_frozen() {
    let edge = start();
    let answer = edge.raw(
        format!(
            "GET /c/tea?sub1=x HTTP/1.1\r\nHost: a\r\nUser-Agent: {}\r\nConnection: close\r\n\r\n",
            support::BROWSER
        )
        .as_bytes(),
    );
    let lines = answer.split("\r\n").map(|line| match line.split_once(':') {
        Some(("date", _)) => "date: *".to_owned(),
        _ => match line.find("click=").or_else(|| line.find("tvid=")) {
            // The id and the visitor differ each time, their lengths do not.
            Some(at) => {
                let start = line[at..].find('=').unwrap() + at + 1;
                let end = line[start..]
                    .find(|it: char| !it.is_ascii_alphanumeric())
                    .map_or(line.len(), |it| start + it);
                format!("{}({} characters){}", &line[..start], end - start, &line[end..])
            }
            None => line.to_owned(),
        },
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(text.trim_end(), include_str!("golden/redirect_v1.txt").trim_end());
}
