//! Links and postbacks of other systems, and the matcher that tells whose they are.
//!
//! In: bytes. Out: nothing, or a panic. Each is asked on both ways of the edge (`desks`), which judges the answers. Start at [`request`].

use catalog::{built_in_dialects, decoded, without_tail};

use super::click::in_a_query;
use crate::{choices::Choices, desks, world};

/// Beginnings of paths; the rest is the input's.
const SHAPES: [&str; 12] = [
    "/",
    "/aff_c?",
    "/aff_lsr?",
    "/aff_l?",
    "/click/",
    "/conversion/",
    "/c/",
    "/Advertisers/1/Conversions?",
    "/click.php?",
    "/first-token/postback?",
    "/postback?",
    "/v/",
];
const KINDS: [&str; 3] = ["", "application/json", "application/x-www-form-urlencoded"];
/// Codes of the answers that there may be.
const STATUSES: [u16; 12] = [200, 302, 400, 401, 403, 404, 405, 409, 413, 414, 415, 422];

/// The first byte of two chooses a shape, the next one a method and type of body; then come the target up to a zero, and the body.
pub(super) fn request(input: &[u8]) {
    let mut choices = Choices::new(input);
    let (shape, kind) = (SHAPES[choices.below(SHAPES.len())], choices.byte());
    let target = format!("{shape}{}", in_a_query(choices.until_zero()));
    taken_alike(&target);
    let body = if kind & 0x40 == 0 { &[][..] } else { choices.rest() };
    let method = if body.is_empty() { "GET" } else { "POST" };
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: go.example\r\nUser-Agent: Firefox/144.0\r\n");
    if !body.is_empty() {
        let content_type = KINDS[usize::from(kind & 0x0f) % KINDS.len()];
        let length = body.len().to_string();
        head.extend(["Content-Type: ", content_type, "\r\nContent-Length: ", &length, "\r\n"]);
    }
    if kind & 0x20 != 0 {
        head.extend(["X-Api-Key: ", world::TOKEN, "\r\n"]);
    }
    let request = [head.as_bytes(), b"\r\n", body].concat();
    let said = desks::ask(&request, desks::is_registered);
    let (status, ..) = said.only();
    assert!(STATUSES.contains(status), "{status} to {target}");
}

/// What a form takes out of a path is what stands there, and nothing of it is empty.
fn taken_alike(target: &str) {
    let path = target.split('?').next().unwrap_or("");
    for form in built_in_dialects().iter().flat_map(|it| &it.click_paths) {
        let Some(taken) = form.take(path) else { continue };
        assert!(
            taken.fields.iter().all(|(_, value)| !value.is_empty()),
            "{} took nothing of {path}",
            form.as_str()
        );
        assert!(taken.pairs.len() <= path.len(), "{} took more than there is of {path}", form.as_str());
        assert!(form.take(path).as_ref() == Some(&taken));
    }
    let code = decoded(path);
    if let Some(kept) = without_tail(&code) {
        assert!(code.starts_with(kept) && without_tail(kept).is_none());
    }
}
