//! Real user agents, one row each.

use super::*;

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1";
const WINDOWS_EDGE: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0";
const CUBOT: &str = "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/80.0.3987.132 Mobile Safari/537.36";
const TABLET: &str = "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Safari/537.36";
const IN_APP: &str = "Mozilla/5.0 (Linux; Android 16; Pixel 10 Pro XL Build/CP1A.260305.018; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/146.0.7680.174 Mobile Safari/537.36 MetaIAB Facebook";
const MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0";
const PREVIEWED: &str = "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)";
const PINTEREST_APP: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [Pinterest/iOS]";

#[test]
fn people_and_robots_are_told_apart() {
    let agents = Agents::new();
    let person = |device, os, browser| Agent { who: Who::Person, device, os, browser };
    let robot = |who, browser| Agent { who, device: Device::Bot, os: Os::Unknown, browser };
    let cases = [
        ("an iPhone", IPHONE, person(Device::Mobile, Os::Ios, Browser::Safari)),
        ("Edge on Windows", WINDOWS_EDGE, person(Device::Desktop, Os::Windows, Browser::Edge)),
        ("a telephone made by Cubot", CUBOT, person(Device::Mobile, Os::Android, Browser::Chrome)),
        ("a tablet", TABLET, person(Device::Tablet, Os::Android, Browser::Samsung)),
        ("a browser inside Facebook's app", IN_APP, person(Device::Mobile, Os::Android, Browser::InApp)),
        ("Firefox on a Mac", MAC, person(Device::Desktop, Os::MacOs, Browser::Firefox)),
        ("a browser inside Pinterest's app", PINTEREST_APP, person(Device::Mobile, Os::Ios, Browser::InApp)),
        ("a preview for Facebook", PREVIEWED, robot(Who::Preview, Browser::Unknown)),
        ("a preview for WhatsApp", "WhatsApp/2.23.20.0 A", robot(Who::Preview, Browser::Unknown)),
        (
            "a search engine",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            robot(Who::Bot, Browser::Unknown),
        ),
        ("a program", "curl/8.5.0", robot(Who::Bot, Browser::Unknown)),
        (
            "a robot no list knows",
            "Mozilla/5.0 (compatible; BrandNewBot/0.1)",
            robot(Who::Bot, Browser::Unknown),
        ),
        ("nothing", "", robot(Who::Bot, Browser::Unknown)),
    ];
    for (name, user_agent, want) in cases {
        assert_eq!(agents.classify(user_agent.as_bytes()), want, "{name}");
    }
}

#[test]
fn every_line_of_the_lists_is_found_alone() {
    let agents = Agents::new();
    for line in BOTS.lines().chain(PREVIEWS.lines()) {
        assert_ne!(agents.classify(format!("Mozilla/5.0 {line}").as_bytes()).who, Who::Person, "{line}");
    }
}

// fault 26
#[test]
fn long_and_broken_bytes_are_classified_without_harm() {
    let agents = Agents::new();
    assert_eq!(agents.classify(&[0xff; 10_240]).who, Who::Person);
    let mut late = vec![b'a'; USER_AGENT_BYTES_MAX];
    late.extend_from_slice(b" Googlebot/2.1");
    assert_eq!(agents.classify(&late).who, Who::Person, "only the first bytes are looked at");
}
