//! What clients of the embedded engine send: request lines, statements with rows, packed bodies, forms.
//!
//! In: bytes. Out: nothing, or a panic. The engine itself is not asked. Start at [`sql`].

use chdb::parsers;
use hyper::http::Request;

use crate::choices::Choices;

/// Nothing that is unpacked here is read beyond this, in bytes.
const UNPACKED_MAX: u64 = 1 << 20;

/// A query up to a zero, then names and values of headers, each up to one. fault 122
pub(super) fn request(input: &[u8]) {
    let mut choices = Choices::new(input);
    let query = String::from_utf8_lossy(choices.until_zero()).into_owned();
    let mut builder = Request::builder().method("POST").uri(format!("/?{query}"));
    while !choices.is_empty() {
        let (name, value) = (choices.until_zero(), choices.until_zero());
        builder = builder.header(name, value);
    }
    let Ok(request) = builder.body(()) else { return };
    let (parts, ()) = request.into_parts();
    match parsers::head(&parts) {
        Ok(head) => {
            assert!(!head.user.is_empty());
            // What stands in `SET name = ...` can be nothing but a name.
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
            assert!(head.settings.iter().all(|(name, _)| !name.is_empty() && name.bytes().all(is_plain)));
            assert!(head.settings.len() + head.parameters.len() <= 1000);
        }
        Err(error) => assert!(error.code != 0 && !error.message.is_empty()),
    }
    let content_type = parts.headers.get("content-type").and_then(|it| it.to_str().ok()).unwrap_or_default();
    drop(parsers::boundary(content_type));
}

/// A statement, and behind a zero what might come after it.
pub(super) fn sql(input: &[u8]) {
    let mut choices = Choices::new(input);
    let statement = choices.until_zero();
    let more = choices.rest();
    let mut end = 0;
    for (from, to) in parsers::tokens(statement) {
        assert!(end <= from && from < to && to <= statement.len(), "tokens lie one behind the other");
        end = to;
    }
    drop((parsers::format_and_first_word(statement), parsers::called_names(statement)));
    if parsers::is_single(statement) {
        let parts = [b"SELECT 1; ".as_slice(), statement].concat();
        let holds_something = !parsers::tokens(statement).is_empty();
        let only_ends = statement_is_marks(statement);
        assert_eq!(parsers::is_single(&parts), !holds_something || only_ends, "two statements are two");
    }
    let Some(insert) = parsers::insert(statement) else { return };
    assert!(insert.rows_at <= statement.len());
    assert!(insert.statement.len() <= insert.rows_at, "rows are no part of the statement");
    if !insert.is_open {
        let whole = [statement, more].concat();
        let again = parsers::insert(&whole);
        assert_eq!(again, Some(insert), "what comes after the rows began changes nothing");
    }
}

/// Whether nothing but `;` stands there.
fn statement_is_marks(statement: &[u8]) -> bool {
    parsers::tokens(statement).iter().all(|(from, to)| &statement[*from..*to] == b";")
}

pub(super) fn packed() -> Vec<Vec<u8>> {
    let raw: Vec<u8> = (0..600_u16).map(|it| u8::try_from(it / 7 % 256).unwrap_or(0)).collect();
    let bomb = vec![0; 1 << 20];
    let pack = |number: u8, raw: &[u8]| {
        let packed = parsers::pack(number, raw).expect("packs in memory");
        [[number].as_slice(), &packed].concat()
    };
    // fault 113: a megabyte of zeros takes a few bytes.
    (0..5).map(|number| pack(number, &raw)).chain([0, 1, 3].map(|number| pack(number, &bomb))).collect()
}

/// A byte for the packing, and packed bytes.
pub(super) fn blocks(input: &[u8]) {
    let mut choices = Choices::new(input);
    let number = choices.byte();
    let rest = choices.rest();
    if let Ok(raw) = parsers::unpack(number, rest.to_vec(), UNPACKED_MAX) {
        assert!(raw.len() as u64 <= UNPACKED_MAX);
    }
    let packed = parsers::pack(number, rest).expect("packs in memory");
    let back = parsers::unpack(number, packed, UNPACKED_MAX).expect("what we packed can be unpacked");
    assert_eq!(back, rest);
    for format in ["TSVWithNames", "CSVWithNamesAndTypes", "RowBinaryWithNamesAndTypes", "RowBinary"] {
        let head = parsers::answer_head_bytes(format, rest).expect("its blocks can be joined");
        assert!(head <= rest.len());
    }
}

/// A boundary up to a zero, and a form.
pub(super) fn form(input: &[u8]) {
    let mut choices = Choices::new(input);
    let boundary = String::from_utf8_lossy(choices.until_zero()).into_owned();
    let body = choices.rest();
    if let Ok(fields) = parsers::form(body, &boundary) {
        let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(bytes <= body.len() && fields.len() <= 1000, "fields are parts of the body");
    }
}
