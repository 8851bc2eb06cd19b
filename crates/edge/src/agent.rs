//! What a user agent says it is: a person's browser, a robot, a messenger fetching a preview.
//!
//! In: the header's bytes. Out: an [`Agent`]. Declared robots only; those that pretend to be people are told apart by what they do, later,
//! from the stored facts. The lists `agent/bots.txt` and `agent/previews.txt` are made from crawler-user-agents 1.60.0 (npm, MIT, Martin
//! Monperrus and contributors): its patterns as lower-case literals, less those that real browsers contain. Start at [`Agents::classify`].

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};
use events::{Browser, Device, Os};

/// Bytes of a user agent that are looked at; the rest says nothing new and could be megabytes of it.
pub(crate) const USER_AGENT_BYTES_MAX: usize = 512;

const BOTS: &str = include_str!("agent/bots.txt");
const PREVIEWS: &str = include_str!("agent/previews.txt");

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// A browser, as far as it says.
    Person,
    /// A declared robot, or nothing that any browser would send.
    Bot,
    /// A messenger or network that shows a preview of the landing page.
    Preview,
}

/// What a user agent says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Agent {
    pub(crate) who: Who,
    pub(crate) device: Device,
    pub(crate) os: Os,
    pub(crate) browser: Browser,
}

/// The lists, compiled once and shared.
#[derive(Debug)]
pub(crate) struct Agents {
    tokens: AhoCorasick,
    /// Patterns below this are previews.
    previews: usize,
}

impl Agents {
    pub(crate) fn new() -> Self {
        let lines = |text: &'static str| text.lines().filter(|line| !line.is_empty());
        let tokens = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(lines(PREVIEWS).chain(lines(BOTS)))
            .expect("the lists are constant and far below the automaton's limits");
        Self { tokens, previews: lines(PREVIEWS).count() }
    }

    /// An empty user agent is a robot's: every browser sends one.
    pub(crate) fn classify(&self, user_agent: &[u8]) -> Agent {
        let text = user_agent.get(..USER_AGENT_BYTES_MAX).unwrap_or(user_agent);
        let who = self.who(text);
        let lower = text.to_ascii_lowercase();
        let has = |needle: &str| memmem(&lower, needle.as_bytes());
        let os = os(&has);
        let device = if who == Who::Person { device(&has, os) } else { Device::Bot };
        Agent { who, device, os, browser: browser(&has) }
    }

    fn who(&self, text: &[u8]) -> Who {
        let mut found = Who::Person;
        for hit in self.tokens.find_overlapping_iter(text) {
            // Inside a word it is a part of another name: `kayak/` is not `yak/`.
            let before = hit.start().checked_sub(1).and_then(|at| text.get(at));
            if before.is_some_and(u8::is_ascii_alphanumeric) {
                continue;
            }
            if hit.pattern().as_usize() < self.previews {
                return Who::Preview;
            }
            found = Who::Bot;
        }
        if text.len() < SHORTEST_BROWSER_BYTES || calls_itself_a_bot(text) { Who::Bot } else { found }
    }
}

/// `Mozilla/5.0` alone has eleven bytes, and no browser stops there.
const SHORTEST_BROWSER_BYTES: usize = 12;

/// Robots that no list knows yet: `NewBot/1.0`, `crawler`, `spider`, an address to read about them.
fn calls_itself_a_bot(text: &[u8]) -> bool {
    let lower = text.to_ascii_lowercase();
    let mut words = lower.split(|byte| !byte.is_ascii_alphanumeric());
    // `cubot` is a maker of telephones.
    words.any(|word| {
        (word.ends_with(b"bot") && word != b"cubot")
            || word.ends_with(b"crawler")
            || word.ends_with(b"spider")
    }) || memmem(&lower, b"+http")
}

fn memmem(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

fn os(has: &impl Fn(&str) -> bool) -> Os {
    // Windows Phone and Android both name Linux or Windows beside themselves, so the narrower word comes first.
    const WORDS: [(&str, Os); 9] = [
        ("android", Os::Android),
        ("iphone", Os::Ios),
        ("ipad", Os::Ios),
        ("ipod", Os::Ios),
        ("windows", Os::Windows),
        ("macintosh", Os::MacOs),
        ("mac os x", Os::MacOs),
        ("cros ", Os::ChromeOs),
        ("linux", Os::Linux),
    ];
    WORDS.iter().find(|(word, _)| has(word)).map_or(Os::Unknown, |(_, os)| *os)
}

fn device(has: &impl Fn(&str) -> bool, os: Os) -> Device {
    const TV: [&str; 8] =
        ["smart-tv", "smarttv", "appletv", "googletv", "android tv", "web0s", "playstation", "xbox"];
    if TV.iter().any(|word| has(word)) {
        return Device::Tv;
    }
    match os {
        Os::Ios if has("ipad") => Device::Tablet,
        // By Google's rule an Android without `Mobile` is a tablet.
        Os::Android if !has("mobile") => Device::Tablet,
        Os::Ios | Os::Android => Device::Mobile,
        _ if has("mobile") => Device::Mobile,
        Os::Windows | Os::MacOs | Os::Linux | Os::ChromeOs => Device::Desktop,
        Os::Unknown => Device::Unknown,
    }
}

fn browser(has: &impl Fn(&str) -> bool) -> Browser {
    // Almost every browser names Chrome and Safari beside itself: the most particular word comes first.
    const WORDS: [(&str, Browser); 22] = [
        ("fban/", Browser::InApp),
        ("fbav/", Browser::InApp),
        ("metaiab", Browser::InApp),
        ("instagram", Browser::InApp),
        ("tiktok", Browser::InApp),
        ("bytedancewebview", Browser::InApp),
        ("snapchat", Browser::InApp),
        ("pinterest/", Browser::InApp),
        (" line/", Browser::InApp),
        ("micromessenger", Browser::InApp),
        ("; wv)", Browser::InApp),
        ("edg/", Browser::Edge),
        ("edga/", Browser::Edge),
        ("edgios/", Browser::Edge),
        ("opr/", Browser::Opera),
        ("opera", Browser::Opera),
        ("samsungbrowser", Browser::Samsung),
        ("firefox/", Browser::Firefox),
        ("fxios/", Browser::Firefox),
        ("chrome/", Browser::Chrome),
        ("crios/", Browser::Chrome),
        ("safari/", Browser::Safari),
    ];
    WORDS.iter().find(|(word, _)| has(word)).map_or(Browser::Unknown, |(_, browser)| *browser)
}

#[cfg(test)]
mod tests;
