//! Reads just enough SQL to keep rows out of statements: tokens, where an INSERT's rows begin, which FORMAT is asked for.
//!
//! In: bytes of a statement. Out: [`Insert`], [`format_of`], [`is_single`], names that are called as functions.
//! Not here: meaning; the engine's own parser judges that (`call`, `access`). Start at [`insert`].

/// A piece of SQL text between blanks and comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A bare word: keyword, identifier or number.
    Word,
    /// An identifier in backticks or double quotes.
    Quoted,
    /// A string, a heredoc included.
    Literal,
    /// One byte of anything else.
    Mark(u8),
}

/// What begins a comment to the end of the line. Tried on the engine, as is every other rule here: a difference between
/// this reading and the engine's would hide a call from [`called_names`].
const LINE_COMMENTS: [&[u8]; 4] = [b"--", b"# ", b"#!", b"//"];

/// Splits `sql` into tokens. A quote or comment without end takes the rest, as it does in ClickHouse.
pub(crate) fn tokens(sql: &[u8]) -> impl Iterator<Item = Token> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = sql.get(at..)?;
            let start = at;
            let (kind, bytes) = match *rest.first()? {
                byte if byte.is_ascii_whitespace() || byte == 0x0b => {
                    at += 1;
                    continue;
                }
                b'-' | b'#' | b'/' if LINE_COMMENTS.iter().any(|mark| rest.starts_with(mark)) => {
                    at += line_bytes(rest);
                    continue;
                }
                b'/' if rest.starts_with(b"/*") => {
                    at += comment_bytes(rest);
                    continue;
                }
                b'\'' => (Kind::Literal, quoted_bytes(rest, b'\'')),
                b'`' => (Kind::Quoted, quoted_bytes(rest, b'`')),
                b'"' => (Kind::Quoted, quoted_bytes(rest, b'"')),
                b'$' => match heredoc_bytes(rest) {
                    Some(bytes) => (Kind::Literal, bytes),
                    None => (Kind::Word, word_bytes(rest)),
                },
                byte if is_word(byte) => (Kind::Word, word_bytes(rest)),
                byte => (Kind::Mark(byte), 1),
            };
            at += bytes.max(1);
            return Some(Token { kind, start, end: at });
        }
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

fn word_bytes(rest: &[u8]) -> usize {
    rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len())
}

fn line_bytes(rest: &[u8]) -> usize {
    rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1)
}

/// Comments nest, as the SQL standard has it.
fn comment_bytes(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with(b"/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if tail.starts_with(b"*/") {
            (at, depth) = (at + 2, depth.saturating_sub(1));
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn quoted_bytes(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match *byte {
            b'\\' => at += 2,
            byte if byte == quote && rest.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `$tag$ anything $tag$`; the engine lets the tag be anything too.
fn heredoc_bytes(rest: &[u8]) -> Option<usize> {
    let tag_end = rest.iter().skip(1).position(|byte| *byte == b'$')? + 2;
    let tag = rest.get(..tag_end)?;
    let body = rest.get(tag_end..)?;
    let end = body.windows(tag_end).position(|window| window == tag)?;
    Some(tag_end + end + tag_end)
}

/// The text of a token.
pub(crate) fn text(sql: &[u8], token: Token) -> &[u8] {
    sql.get(token.start..token.end).unwrap_or_default()
}

/// Is the token this keyword, in any case?
pub(crate) fn is(sql: &[u8], token: Token, keyword: &str) -> bool {
    token.kind == Kind::Word && text(sql, token).eq_ignore_ascii_case(keyword.as_bytes())
}

/// The first word, lower case; empty if the statement begins otherwise.
pub(crate) fn first_word(sql: &[u8]) -> String {
    let first = tokens(sql).find(|token| token.kind != Kind::Mark(b'('));
    let word = first.filter(|token| token.kind == Kind::Word).map(|token| text(sql, token));
    String::from_utf8_lossy(word.unwrap_or_default()).to_ascii_lowercase()
}

/// Holds the text one statement at most? A `;` may only end it.
pub(crate) fn is_single(sql: &[u8]) -> bool {
    let mut ended = false;
    for token in tokens(sql) {
        match token.kind {
            Kind::Mark(b';') => ended = true,
            _ if ended => return false,
            _ => {}
        }
    }
    true
}

/// Has the text this keyword outside quotes and comments?
pub(crate) fn has_word(sql: &[u8], keyword: &str) -> bool {
    tokens(sql).any(|token| is(sql, token, keyword))
}

/// The FORMAT a statement without rows asks for at its end.
pub(crate) fn format_of(sql: &[u8]) -> Option<String> {
    let all: Vec<Token> = tokens(sql).collect();
    let mut found = None;
    for (index, token) in all.iter().enumerate() {
        let Some(name) = all.get(index + 1).filter(|_| is(sql, *token, "format")) else { continue };
        let last = match all.get(index + 2) {
            None => true,
            Some(next) => next.kind == Kind::Mark(b';') || is(sql, *next, "settings"),
        };
        if last && name.kind == Kind::Word {
            found = Some(String::from_utf8_lossy(text(sql, *name)).into_owned());
        }
    }
    found
}

/// An INSERT that brings its rows along, taken apart so that the rows never pass as SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Insert {
    /// The statement without FORMAT and rows.
    pub(crate) statement: Vec<u8>,
    /// `None`: the request's default format.
    pub(crate) format: Option<String>,
    /// Where the rows begin in the text.
    pub(crate) rows_at: usize,
    /// The text ended before the rows, or amid what stands before them: with more of it, this answer may change.
    pub(crate) open: bool,
}

/// Takes an INSERT with rows apart. `None`: another statement, or `INSERT ... SELECT`, whose rows are not ours.
pub(crate) fn insert(sql: &[u8]) -> Option<Insert> {
    let mut all = tokens(sql).peekable();
    let first = all.next()?;
    if !is(sql, first, "insert") {
        return None;
    }
    skip_target(sql, &mut all);
    let mut depth = 0_usize;
    while let Some(token) = all.next() {
        match token.kind {
            Kind::Mark(b'(' | b'[' | b'{') => depth += 1,
            Kind::Mark(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            Kind::Mark(b';') if depth == 0 => {
                return Some(plan(sql, token.start, None, token.end, false));
            }
            _ => {}
        }
        if depth == 0 && ["select", "with", "watch", "from"].iter().any(|word| is(sql, token, word)) {
            return None;
        }
        // `INSERT INTO t (a) (SELECT ...)` opens its SELECT in parentheses.
        if depth == 1 && is(sql, token, "select") {
            return None;
        }
        if depth == 0 && is(sql, token, "values") {
            let open = token.end == sql.len();
            return Some(plan(sql, token.start, Some("Values".to_owned()), token.end, open));
        }
        if depth == 0 && is(sql, token, "format") {
            let Some(name) = all.next().filter(|name| name.kind == Kind::Word) else {
                return Some(plan(sql, token.start, None, sql.len(), true));
            };
            return Some(with_format(sql, token, name));
        }
    }
    Some(plan(sql, sql.len(), None, sql.len(), true))
}

/// Steps over `INTO`, `TABLE`, `FUNCTION` and the name, so that a table called `values` is no keyword.
fn skip_target(sql: &[u8], all: &mut std::iter::Peekable<impl Iterator<Item = Token>>) {
    for keyword in ["into", "table", "function"] {
        all.next_if(|token| is(sql, *token, keyword));
    }
    loop {
        all.next_if(|token| matches!(token.kind, Kind::Word | Kind::Quoted));
        // A name may be a parameter: `{table:Identifier}`.
        if all.next_if(|token| token.kind == Kind::Mark(b'{')).is_some() {
            while all.next_if(|token| token.kind != Kind::Mark(b'}')).is_some() {}
            all.next();
        }
        if all.next_if(|token| token.kind == Kind::Mark(b'.')).is_none() {
            return;
        }
    }
}

fn plan(sql: &[u8], end: usize, format: Option<String>, rows_at: usize, open: bool) -> Insert {
    // What begins a heredoc reads as a word until its end is there.
    let begins_heredoc = |it: Token| it.kind == Kind::Word && text(sql, it).starts_with(b"$");
    let open = open || tokens(sql).take_while(|it| it.end <= end).any(begins_heredoc);
    Insert { statement: sql.get(..end).unwrap_or_default().to_vec(), format, rows_at, open }
}

/// `... FORMAT name [SETTINGS k = v, ...] rows`: the settings join the statement, the rest is rows.
fn with_format(sql: &[u8], keyword: Token, name: Token) -> Insert {
    let format = Some(String::from_utf8_lossy(text(sql, name)).into_owned());
    let after = sql.get(name.end..).unwrap_or_default();
    let mut insert = plan(sql, keyword.start, format, name.end, false);
    match settings_bytes(after) {
        Ok(bytes) => {
            insert.statement.extend(after.get(..bytes).unwrap_or_default());
            insert.rows_at += bytes;
        }
        Err(Undecided) => insert.open = true,
    }
    insert.rows_at += line_end_bytes(sql.get(insert.rows_at..).unwrap_or_default());
    insert
}

/// The text ends too early to tell.
struct Undecided;

/// Bytes of `SETTINGS k = v, ...` at the front, blanks before it included. A token at the very end may go on, or begin a comment.
fn settings_bytes(rest: &[u8]) -> Result<usize, Undecided> {
    let mut all = tokens(rest).peekable();
    let whole = |token: Option<Token>| token.filter(|it| it.end < rest.len()).ok_or(Undecided);
    if !may_be_settings(rest, all.peek().copied()) {
        return Ok(0);
    }
    whole(all.next())?;
    let mut end = 0;
    loop {
        if whole(all.next())?.kind != Kind::Word || whole(all.next())?.kind != Kind::Mark(b'=') {
            return Ok(end);
        }
        all.next_if(|token| token.kind == Kind::Mark(b'-'));
        let value = whole(all.next())?;
        if !matches!(value.kind, Kind::Word | Kind::Literal) {
            return Ok(end);
        }
        if value.kind == Kind::Word && text(rest, value).starts_with(b"$") {
            return Err(Undecided);
        }
        end = value.end;
        // `0.5` is a word, a mark and a word.
        if all.next_if(|token| token.kind == Kind::Mark(b'.')).is_some() {
            end = whole(all.next())?.end;
        }
        match all.next() {
            Some(Token { kind: Kind::Mark(b','), .. }) => {}
            Some(token) if token.end < rest.len() || !begins_comment(token) => return Ok(end),
            _ => return Err(Undecided),
        }
    }
}

/// `SETTINGS`, or the end of the text where it may still come.
fn may_be_settings(rest: &[u8], token: Option<Token>) -> bool {
    let Some(token) = token else { return true };
    let said = text(rest, token).to_ascii_lowercase();
    let may_go_on = b"settings".starts_with(said.as_slice()) || begins_comment(token);
    is(rest, token, "settings") || (token.end == rest.len() && may_go_on)
}

const fn begins_comment(token: Token) -> bool {
    matches!(token.kind, Kind::Mark(b'-' | b'#' | b'/'))
}

/// Blanks and the one line end between a format's name and its rows; anything further belongs to the rows.
fn line_end_bytes(rest: &[u8]) -> usize {
    let blanks = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | 0x0c)).unwrap_or(rest.len());
    match rest.get(blanks..) {
        Some([b'\r', b'\n', ..]) => blanks + 2,
        Some([b'\n', ..]) => blanks + 1,
        _ => blanks,
    }
}

/// Names that the text calls like a function, lower case. `None` for what only the engine can read: escapes inside
/// a quoted name, typographic quotes. Nobody needs them, and they could hide a name.
pub(crate) fn called_names(sql: &[u8]) -> impl Iterator<Item = Option<String>> + '_ {
    // Blanks beyond ASCII separate words for the engine, so bytes outside ASCII are passed over.
    let mut all = tokens(sql).filter(|token| !matches!(token.kind, Kind::Mark(0x80..))).peekable();
    let mut typographic = has_typographic_quote(sql);
    std::iter::from_fn(move || {
        if std::mem::take(&mut typographic) {
            return Some(None);
        }
        loop {
            let token = all.next()?;
            let called = all.peek().is_some_and(|next| next.kind == Kind::Mark(b'('));
            let raw = text(sql, token);
            match token.kind {
                Kind::Word if called => return Some(Some(String::from_utf8_lossy(raw).to_ascii_lowercase())),
                Kind::Quoted if called => return Some(name(sql, token).map(|it| it.to_ascii_lowercase())),
                _ => {}
            }
        }
    })
}

/// What the text names as members of `database`, as in `database.table`. `None` for what only the engine can read.
pub(crate) fn members_of<'a>(sql: &'a [u8], database: &'a str) -> impl Iterator<Item = Option<String>> + 'a {
    let mut all = tokens(sql).filter(|token| !matches!(token.kind, Kind::Mark(0x80..))).peekable();
    std::iter::from_fn(move || {
        loop {
            let token = all.next()?;
            let is_named = match name(sql, token) {
                Some(name) => name == database,
                // Escapes could spell any name.
                None => token.kind == Kind::Quoted,
            };
            if is_named && all.next_if(|it| it.kind == Kind::Mark(b'.')).is_some() {
                return Some(all.peek().and_then(|it| name(sql, *it)));
            }
        }
    })
}

/// A name as the engine reads it; `None` for what is no name, and for a quoted one with anything unusual in it.
fn name(sql: &[u8], token: Token) -> Option<String> {
    let raw = text(sql, token);
    let inner = match token.kind {
        Kind::Word => raw,
        Kind::Quoted => raw.get(1..raw.len().saturating_sub(1))?,
        _ => return None,
    };
    let is_plain = inner.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    is_plain.then(|| String::from_utf8_lossy(inner).into_owned())
}

/// Is a typographic quote, which the engine takes for a quote, outside ASCII quotes? Up to the first one, both readings agree.
fn has_typographic_quote(sql: &[u8]) -> bool {
    let quotes: [&[u8]; 4] = [b"\xe2\x80\x98", b"\xe2\x80\x99", b"\xe2\x80\x9c", b"\xe2\x80\x9d"];
    let mut marks = tokens(sql).filter(|token| token.kind == Kind::Mark(0xe2));
    marks.any(|token| sql.get(token.start..token.start + 3).is_some_and(|bytes| quotes.contains(&bytes)))
}

#[cfg(test)]
mod tests;
