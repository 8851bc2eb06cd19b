//! Which requests are plain clicks: most of what comes, and so simple that they need no general server.
//!
//! In: the bytes of a connection that nobody has read yet. Out: a [`Plain`], or `None` for everything else, whatever it is: a head that is not whole,
//! another method, a body, a wish for the connection, a byte that might be read in two ways. Those are hyper's, bytes and all, so that nothing is
//! refused here and no fault of a request is judged in two places. Heads are read by hyper's own parser. Start at [`Plain::read`].

use std::mem::MaybeUninit;

use crate::{
    fields::Fields,
    settings::{HEAD_BYTES_MAX, HEADERS_MAX, REQUEST_LINE_BYTES_MAX},
};

/// `GET /c/CODE?QUERY HTTP/1.1` and its fields.
#[derive(Debug)]
pub(crate) struct Plain<'a> {
    pub(crate) code: &'a str,
    pub(crate) query: &'a str,
    pub(crate) fields: Fields<'a>,
    /// The client wants no further answer on this connection.
    pub(crate) is_last: bool,
    /// The next request begins after so many bytes.
    pub(crate) head_bytes: usize,
}

impl<'a> Plain<'a> {
    /// The plain click at the front of `bytes`. `country_name` as in [`Fields::gather`].
    pub(crate) fn read(bytes: &'a [u8], country_name: Option<&str>) -> Option<Self> {
        // Spares the parser what begins otherwise.
        if !bytes.starts_with(b"GET /c/") {
            return None;
        }
        let mut lines = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut []);
        let Ok(httparse::Status::Complete(head_bytes)) = request.parse_with_uninit_headers(bytes, &mut lines)
        else {
            return None;
        };
        let target = request.path.filter(|it| it.len() <= TARGET_BYTES_MAX)?;
        // Without an early end these are a few wide comparisons.
        if !target.bytes().fold(true, |all, byte| all & is_unambiguous(byte)) {
            return None;
        }
        if request.version != Some(1) || head_bytes > HEAD_BYTES_MAX {
            return None;
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let code = path.strip_prefix("/c/")?.trim_end_matches('/');
        let lines = request.headers.iter().map(|it| (it.name.as_bytes(), it.value));
        let fields = Fields::gather(lines, country_name);
        let is_last = match fields.connection {
            None => false,
            Some(wish) if wish.eq_ignore_ascii_case(b"keep-alive") => false,
            Some(wish) if wish.eq_ignore_ascii_case(b"close") => true,
            Some(_) => return None,
        };
        (!fields.is_special && fields.hosts.len() == 1).then_some(Self {
            code,
            query,
            fields,
            is_last,
            head_bytes,
        })
    }
}

/// As `http` measures it.
const TARGET_BYTES_MAX: usize = REQUEST_LINE_BYTES_MAX - "OPTIONS  HTTP/1.1".len();

/// Characters that stand for themselves in every reading of a path and a query: no fragment, nothing beyond ASCII, no `\`.
fn is_unambiguous(byte: u8) -> bool {
    matches!(byte, b'!' | b'$'..=b';' | b'=' | b'?'..=b'Z' | b'_' | b'a'..=b'z' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browsers_click_is_plain() {
        let text = b"GET /c/tea/?sub1=x%20y&z HTTP/1.1\r\nHost: a\r\nCookie: tvid=1\r\nConnection: Keep-Alive\r\n\r\nGET";
        let plain = Plain::read(text, None).unwrap();
        assert_eq!((plain.code, plain.query, plain.is_last), ("tea", "sub1=x%20y&z", false));
        assert_eq!(text.get(plain.head_bytes..), Some(&b"GET"[..]));
        assert!(
            Plain::read(b"GET /c/tea HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", None)
                .unwrap()
                .is_last
        );
    }

    #[test]
    fn everything_else_is_not() {
        let host = "Host: a\r\n";
        let many = "X-Other: 1\r\n".repeat(64);
        let cases = [
            String::new(),
            format!("GET /c/tea HTTP/1.1\r\n{host}"),
            format!("GET /c/tea HTTP/1.0\r\n{host}\r\n"),
            format!("get /c/tea HTTP/1.1\r\n{host}\r\n"),
            format!("HEAD /c/tea HTTP/1.1\r\n{host}\r\n"),
            format!("POST /c/tea HTTP/1.1\r\n{host}\r\n"),
            format!("GET http://a/c/tea HTTP/1.1\r\n{host}\r\n"),
            format!("GET /p.gif?link=tea HTTP/1.1\r\n{host}\r\n"),
            format!("GET /c/tea#x HTTP/1.1\r\n{host}\r\n"),
            format!("GET /c/t\u{e9}a HTTP/1.1\r\n{host}\r\n"),
            format!("GET /c/tea?a=\\ HTTP/1.1\r\n{host}\r\n"),
            format!("GET /c/tea?{} HTTP/1.1\r\n{host}\r\n", "x".repeat(8 * 1024)),
            format!("GET /c/tea HTTP/1.1\r\n{host}{many}\r\n"),
            format!("GET /c/tea HTTP/1.1\r\n{host}X: {}\r\n\r\n", "y".repeat(17 * 1024)),
            format!("GET /c/tea HTTP/1.1\r\n{host}{host}\r\n"),
            "GET /c/tea HTTP/1.1\r\n\r\n".to_owned(),
            format!("GET /c/tea HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n"),
            format!("GET /c/tea HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n"),
            format!("GET /c/tea HTTP/1.1\r\n{host}Connection: upgrade\r\n\r\n"),
            format!("GET /c/tea HTTP/1.1\r\n{host}Connection: close, x\r\n\r\n"),
            format!("GET /c/tea HTTP/1.1\r\n{host}Sec-Purpose: prefetch\r\n\r\n"),
            format!("GET /c/tea HTTP/1.1\r\n{host} folded: 1\r\n\r\n"),
        ];
        for text in cases {
            assert!(Plain::read(text.as_bytes(), None).is_none(), "{text}");
        }
    }
}
