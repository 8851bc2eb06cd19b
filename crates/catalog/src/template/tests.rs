//! Destinations: what is refused, and what a click's values can and cannot do to a URL.

use proptest::prelude::*;

use super::*;

fn values() -> Values<'static> {
    Values {
        click_id: "abc",
        partner: PartnerId(7),
        offer: OfferId(3),
        link: LinkId(77),
        source: "news letter",
        partner_click_id: "p-1",
        subs: &[(1, "a&b=c"), (30, "ü")],
        tags: &[("utm_source", "x\r\nSet-Cookie:y")],
    }
}

fn filled(text: &str) -> String {
    let template = Template::parse(text, "click_id", false).unwrap();
    let mut url = String::new();
    template.fill(&values(), &mut url);
    url
}

#[test]
fn macros_are_filled_and_the_click_id_is_appended_where_none_is_named() {
    let cases = [
        ("https://shop.example", "https://shop.example/?click_id=abc"),
        ("https://shop.example/?", "https://shop.example/?click_id=abc"),
        ("https://shop.example/a?b=1#top", "https://shop.example/a?b=1&click_id=abc#top"),
        ("https://shop.example/a#{sub1}", "https://shop.example/a?click_id=abc#a%26b%3Dc"),
        ("https://shop.example/?s1={click_id}", "https://shop.example/?s1=abc"),
        ("https://shop.example/{sub30}/x?c={click_id}", "https://shop.example/%C3%BC/x?c=abc"),
        (
            "https://shop.example/?c={click_id}&p={partner_id}&o={offer_id}&l={link_id}",
            "https://shop.example/?c=abc&p=7&o=3&l=77",
        ),
        (
            "https://shop.example/?c={click_id}&x={sub2}&y={source}",
            "https://shop.example/?c=abc&x=&y=news%20letter",
        ),
        ("https://shop.example/?c={click_id}{partner_click_id}", "https://shop.example/?c=abcp-1"),
        ("HTTPS://Shop.Example/m0/{sub2}?c={click_id}", "https://shop.example/m0/?c=abc"),
        ("https://bücher.example/ä?c={click_id}", "https://xn--bcher-kva.example/%C3%A4?c=abc"),
    ];
    for (text, want) in cases {
        assert_eq!(filled(text), want, "{text}");
    }
}

/// fault 12
#[test]
fn a_line_break_in_a_macro_value_is_encoded() {
    let url = filled("https://shop.example/?c={click_id}&u={utm_source}");
    assert_eq!(url, "https://shop.example/?c=abc&u=x%0D%0ASet-Cookie%3Ay");
}

#[test]
fn further_parameters_go_before_the_fragment() {
    let cases = [
        ("https://shop.example/{click_id}#top", "https://shop.example/abc?utm=1#top"),
        ("https://shop.example/?c={click_id}#top", "https://shop.example/?c=abc&utm=1#top"),
        ("https://shop.example/", "https://shop.example/?click_id=abc&utm=1"),
    ];
    for (text, want) in cases {
        let mut url = String::new();
        Template::parse(text, "click_id", false).unwrap().fill_with_query(&values(), "utm=1", &mut url);
        assert_eq!(url, want, "{text}");
    }
}

#[test]
fn a_value_of_dots_does_not_climb_the_path() {
    let template = Template::parse("https://shop.example/a/{source}/b?c={click_id}", "c", false).unwrap();
    for dots in [".", "..", "..."] {
        let mut url = String::new();
        template.fill(&Values { source: dots, ..values() }, &mut url);
        assert_eq!(url, "https://shop.example/a//b?c=abc");
    }
}

#[test]
fn a_host_keeps_its_letters_whatever_they_are_in_ascii() {
    let hosts = [
        ("tinat\u{491}aBDeridergeeennnnnnn4ee90", "xn--tinatabderidergeeennnnnnn4ee90-gm0a"),
        ("%6D0.example", "m0.example"),
        ("m00.example", "m00.example"),
    ];
    for (written, host) in hosts {
        let template = Template::parse(&format!("http://{written}/{{source}}"), "c", false).unwrap();
        let mut url = String::new();
        template.fill(&Values { source: "x", ..values() }, &mut url);
        assert_eq!(url, format!("http://{host}/x?c=abc"), "{written}");
    }
}

#[test]
fn dots_beside_an_empty_value_do_not_climb_either() {
    let cases = [
        ("https://shop.example/{source}.", "", "https://shop.example/?c=abc"),
        ("https://shop.example/a/.{source}/b?c={click_id}", ".", "https://shop.example/a//b?c=abc"),
        ("https://shop.example/a/%2E{source}.", "..", "https://shop.example/a/?c=abc"),
        ("https://shop.example/a/{source}./b", "x", "https://shop.example/a/x./b?c=abc"),
        ("https://shop.example/a/{source}...", "", "https://shop.example/a/...?c=abc"),
        ("https://shop.example/a/b?p=/{source}./", "", "https://shop.example/a/b?p=/./&c=abc"),
    ];
    for (destination, source, want) in cases {
        let template = Template::parse(destination, "c", false).unwrap();
        let mut url = "kept/./".to_owned();
        template.fill(&Values { source, ..values() }, &mut url);
        assert_eq!(url, format!("kept/./{want}"), "{destination}");
        assert_eq!(
            url::Url::parse(want).unwrap().as_str(),
            want,
            "what we send is what a browser makes of it"
        );
    }
}

#[test]
fn destinations_that_could_mislead_are_refused() {
    let cases = [
        ("//evil.example", UrlFault::NotAbsolute),
        ("/path", UrlFault::NotAbsolute),
        ("", UrlFault::NotAbsolute),
        ("https:evil.example", UrlFault::NotAbsolute),
        ("https:///evil.example", UrlFault::NotAbsolute),
        ("https:/\\evil.example", UrlFault::Characters),
        ("https://a.example/\tb", UrlFault::Characters),
        ("https://a.example/ b", UrlFault::Characters),
        ("https://a.example/\u{0}", UrlFault::Characters),
        ("javascript:alert(1)", UrlFault::Scheme),
        ("ftp://a.example/", UrlFault::Scheme),
        ("https://good.example@evil.example/", UrlFault::UserInfo),
        ("https://:@evil.example/", UrlFault::UserInfo),
        ("https://{sub1}.example/", UrlFault::MacroInHost),
        ("https://a.example:{sub1}/", UrlFault::MacroInHost),
        ("{sub1}://a.example/", UrlFault::MacroInHost),
        ("{sub1}", UrlFault::MacroInHost),
        ("https://a.example/{sub31}", UrlFault::UnknownMacro("sub31".into())),
        ("https://a.example/{sub01}", UrlFault::UnknownMacro("sub01".into())),
        ("https://a.example/{clickid}", UrlFault::UnknownMacro("clickid".into())),
        ("https://a.example/{sub1", UrlFault::Braces),
        ("https://a.example/sub1}", UrlFault::Braces),
        ("https://a.example/{sub1}/../b", UrlFault::MacroVanishes),
        ("http://127.0.0.1/", UrlFault::Local("127.0.0.1".into())),
        ("http://0x7f000001/", UrlFault::Local("127.0.0.1".into())),
        ("http://2130706433/", UrlFault::Local("127.0.0.1".into())),
        ("http://[::ffff:10.0.0.1]/", UrlFault::Local("[::ffff:a00:1]".into())),
        ("http://169.254.169.254/", UrlFault::Local("169.254.169.254".into())),
        ("http://db.localhost/", UrlFault::Local("db.localhost".into())),
        ("https://a.example./", UrlFault::Host("a.example.".into())),
    ];
    for (text, want) in cases {
        assert_eq!(Template::parse(text, "click_id", false), Err(want), "{text:?}");
    }
    assert_eq!(
        Template::parse(&format!("https://a.example/{}", "a".repeat(2_048)), "c", false),
        Err(UrlFault::TooLong)
    );
    let many = format!("https://a.example/?{}", "{sub1}".repeat(MACROS_MAX + 1));
    assert_eq!(Template::parse(&many, "c", false), Err(UrlFault::TooManyMacros));
    assert!(Template::parse("http://127.0.0.1:8080/", "c", true).is_ok());
}

#[test]
fn a_template_shows_itself_with_its_macros() {
    let template =
        Template::parse("https://a.example/{sub2}?u={utm_term}&l={link_id}", "cid", false).unwrap();
    assert_eq!(template.to_string(), "https://a.example/{sub2}?u={utm_term}&l={link_id}&cid={click_id}");
    assert_eq!(Template::parse(&template.to_string(), "cid", false).unwrap(), template);
}

proptest! {
    /// Whatever a visitor or partner puts into values, the host and the parameters stay ours.
    #[test]
    fn values_never_change_host_or_parameters(sub in any::<String>(), source in any::<String>(), extra in "[a-z]{0,5}") {
        let template =
            Template::parse("https://shop.example/a/{sub1}/b?x={source}&c={click_id}#f{sub1}", "c", false).unwrap();
        let mut text = String::new();
        let subs = [(1, sub.as_str())];
        template.fill_with_query(&Values { subs: &subs, source: &source, ..values() }, &extra, &mut text);
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
        let url = Url::parse(&text).unwrap();
        prop_assert_eq!(url.host_str(), Some("shop.example"));
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        prop_assert_eq!(&pairs[0], &("x".to_owned(), source));
        prop_assert_eq!(&pairs[1], &("c".to_owned(), "abc".to_owned()));
        prop_assert_eq!(pairs.len(), 2 + usize::from(!extra.is_empty()));
    }

    #[test]
    fn any_destination_is_read_without_a_panic(text in any::<String>(), tail in "[{}a-z0-9_./?#@:%]{0,40}") {
        // No text begins with a blank that a URL may have.
        let blank_first = [" ", &text].concat();
        prop_assert!(Template::parse(&blank_first, "c", false).is_err());
        drop(Template::parse(&text, "c", false));
        if let Ok(template) = Template::parse(&format!("https://a.example/{tail}"), "c", false) {
            let mut url = String::new();
            template.fill(&values(), &mut url);
            prop_assert!(url.starts_with("https://a.example/") && url.contains("abc"));
        }
    }
}
