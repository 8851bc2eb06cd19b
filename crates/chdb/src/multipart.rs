//! Forms: `multipart/form-data`, as clients send a query together with its parameters.
//!
//! In: the whole body and its boundary. Out: fields. Files and nested parts are not taken.

use crate::error::{EngineError, code};

/// Fields one form may have; one more is refused.
const FIELDS_MAX: usize = 1_000;

/// A named text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// The boundary named by a `Content-Type`, if it is a form's.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let mut parts = content_type.split(';');
    let kind = parts.next()?.trim();
    if !kind.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parts.find_map(|part| {
        let (name, value) = part.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then_some(value)
    })?;
    Some(value.trim_matches('"').to_owned())
}

/// The fields of a form.
pub(crate) fn fields(form: &[u8], boundary: &str) -> Result<Vec<Field>, EngineError> {
    let mark = [b"--", boundary.as_bytes()].concat();
    let line_mark = [b"\r\n", mark.as_slice()].concat();
    let mut rest = match form.strip_prefix(mark.as_slice()) {
        Some(rest) => rest,
        None => after(form, &line_mark).ok_or_else(|| bad("no boundary"))?,
    };
    let mut found = Vec::new();
    while !rest.starts_with(b"--") {
        if found.len() == FIELDS_MAX {
            return Err(bad("too many fields"));
        }
        let part = rest.strip_prefix(b"\r\n").ok_or_else(|| bad("no line end after a boundary"))?;
        let end = find(part, &line_mark).ok_or_else(|| bad("a field without end"))?;
        let (field, tail) = part.split_at(end);
        found.push(read_field(field)?);
        rest = tail.get(line_mark.len()..).unwrap_or_default();
    }
    Ok(found)
}

fn read_field(field: &[u8]) -> Result<Field, EngineError> {
    let split = find(field, b"\r\n\r\n").ok_or_else(|| bad("a field without headers"))?;
    let head = field.get(..split).unwrap_or_default();
    let value = field.get(split + 4..).unwrap_or_default();
    let head = str::from_utf8(head).map_err(|_| bad("headers that are not text"))?;
    let lines =
        head.split("\r\n").filter(|line| line.to_ascii_lowercase().starts_with("content-disposition:"));
    let mut parameters = lines.flat_map(|line| line.split(';')).map(str::trim);
    let name =
        parameters.find_map(|part| part.strip_prefix("name=")).ok_or_else(|| bad("a field without name"))?;
    let value = String::from_utf8(value.to_vec()).map_err(|_| bad("a field that is not UTF-8"))?;
    Ok(Field { name: name.trim_matches('"').to_owned(), value })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn after<'a>(bytes: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    bytes.get(find(bytes, wanted)? + wanted.len()..)
}

fn bad(what: &str) -> EngineError {
    EngineError::new(code::BAD_ARGUMENTS, &format!("malformed multipart/form-data: {what}. (BAD_ARGUMENTS)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_line_ends() {
        let form = b"--x\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT\r\n1\r\n--x\r\n\
                     Content-Disposition: form-data; name=\"param_a\"\r\nContent-Type: text/plain\r\n\r\n\r\n--x--\r\n";
        let found = fields(form, "x").expect("a form");
        let text: Vec<(&str, &str)> =
            found.iter().map(|field| (field.name.as_str(), field.value.as_str())).collect();
        assert_eq!(text, [("query", "SELECT\r\n1"), ("param_a", "")]);
    }

    #[test]
    fn a_broken_form_is_refused() {
        for form in ["", "--x", "--x\r\n\r\n", "--x\r\nname\r\n--x--", "--y\r\n\r\n\r\n--y--"] {
            assert!(fields(form.as_bytes(), "x").is_err(), "{form:?}");
        }
    }

    #[test]
    fn the_boundary_may_be_quoted() {
        assert_eq!(boundary("multipart/form-data; boundary=\"a b\"").as_deref(), Some("a b"));
        assert_eq!(boundary("text/plain; boundary=x"), None);
    }
}
