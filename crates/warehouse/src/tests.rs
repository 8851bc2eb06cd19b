//! Against the real engine: what is written, however often and by whomever, is counted once.

mod approvals;
mod bytes;
mod faults;
mod names;
mod proxy;
mod reading;
mod views;
pub(crate) mod world;
mod writes;

/// Compares with the file of that name, which holds what was released. After a deliberate change, put the text of the failure there.
pub(crate) fn golden(name: &str, text: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == want, "{path} differs; this build's text is:\n{text}");
}
