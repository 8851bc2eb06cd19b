//! Forms of a path: what stands in it to the letter, and what is taken out of it.
//!
//! In: `/aff_c`, `/{partner}/{offer}`, `/click/{pairs}`, and paths as requests have them. Out: a [`PathForm`], and what it takes. Not here: which
//! dialect a form belongs to, what a value means. Start at [`PathForm::take`].

use std::borrow::Cow;

/// The longest form, in bytes.
const FORM_BYTES_MAX: usize = 200;
/// Segments of a form.
const SEGMENTS_MAX: usize = 12;
/// Pairs that are taken out of one path; further ones are ignored.
const PAIRS_MAX: usize = 200;

/// A form; `F` is what its places are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathForm<F> {
    text: Box<str>,
    segments: Vec<Segment<F>>,
    /// Everything behind the segments is `name:value`.
    has_pairs: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment<F> {
    /// To the letter, in any case.
    Literal(Box<str>),
    Field(F),
    /// `{_}`: something that nobody reads.
    Any,
}

/// A pair out of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPair<'p> {
    /// 0 is the order as a whole; what stands in brackets is of a line of it, from 1.
    pub item: usize,
    /// As sent, decoded.
    pub name: Cow<'p, str>,
    /// Decoded.
    pub value: Cow<'p, str>,
}

/// What a form took out of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken<'p, F> {
    /// In the order of the path, decoded, not empty.
    pub fields: Vec<(F, Cow<'p, str>)>,
    /// Of `{pairs}`.
    pub pairs: Vec<PathPair<'p>>,
    /// The last pair is an absolute URL as it is, so that a query behind it is its own.
    pub ends_in_url: bool,
}

impl<F: Copy> PathForm<F> {
    /// Reads a form; the error says what is wrong with it.
    pub fn parse(text: &str, field: impl Fn(&str) -> Option<F>) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else { return Err("it does not begin with a slash".into()) };
        if text.len() > FORM_BYTES_MAX || rest.split('/').count() > SEGMENTS_MAX {
            return Err(format!("it is longer than {FORM_BYTES_MAX} bytes or {SEGMENTS_MAX} segments"));
        }
        let mut form = Self { text: text.into(), segments: Vec::new(), has_pairs: false };
        for piece in rest.split('/').filter(|_| !rest.is_empty()) {
            if form.has_pairs {
                return Err("{pairs} is not at its end".into());
            }
            match piece.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
                Some("pairs") => form.has_pairs = true,
                Some("_") => form.segments.push(Segment::Any),
                Some(name) => match field(name) {
                    Some(field) => form.segments.push(Segment::Field(field)),
                    None => return Err(format!("{{{name}}} names nothing that can stand in it")),
                },
                None if is_literal(piece) => form.segments.push(Segment::Literal(piece.into())),
                None => return Err(format!("`{piece}` is neither letters, digits and -._~ nor a {{name}}")),
            }
        }
        Ok(form)
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What its places are called.
    pub fn fields(&self) -> impl Iterator<Item = F> {
        self.segments.iter().filter_map(|it| if let Segment::Field(field) = it { Some(*field) } else { None })
    }

    /// Whether it takes `name:value` out of the path.
    #[must_use]
    pub const fn has_pairs(&self) -> bool {
        self.has_pairs
    }

    /// Two forms of one skeleton take the same paths.
    #[must_use]
    pub fn skeleton(&self) -> String {
        let mut text = String::new();
        for segment in &self.segments {
            text.push('/');
            match segment {
                Segment::Literal(literal) => text.push_str(&literal.to_ascii_lowercase()),
                Segment::Field(_) | Segment::Any => text.push('*'),
            }
        }
        text.push_str(if self.has_pairs { "/**" } else { "" });
        text
    }

    /// The lower the number, the fewer paths it takes: literals come before places, and these before pairs.
    #[must_use]
    pub fn width(&self) -> usize {
        let places = self.segments.iter().filter(|it| !matches!(it, Segment::Literal(_))).count();
        places + if self.has_pairs { SEGMENTS_MAX } else { 0 }
    }

    /// What it takes out of a path as a request has it; `None` where the path is not of this form. A slash at the end changes nothing.
    #[must_use]
    pub fn take<'p>(&self, path: &'p str) -> Option<Taken<'p, F>> {
        let mut rest = Some(path.strip_prefix('/')?).filter(|it| !it.is_empty());
        let mut taken = Taken { fields: Vec::new(), pairs: Vec::new(), ends_in_url: false };
        for segment in &self.segments {
            let (piece, behind) = next_piece(rest?);
            rest = behind;
            match segment {
                Segment::Literal(literal) if literal.eq_ignore_ascii_case(piece) => {}
                Segment::Field(field) if !piece.is_empty() => taken.fields.push((*field, decoded(piece))),
                Segment::Any if !piece.is_empty() => {}
                _ => return None,
            }
        }
        match rest {
            Some(rest) if self.has_pairs => take_pairs(rest, &mut taken),
            Some(rest) if rest.bytes().any(|it| it != b'/') => return None,
            _ => {}
        }
        Some(taken)
    }
}

fn is_literal(piece: &str) -> bool {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'.' | b'_' | b'~');
    !piece.is_empty() && piece != "." && piece != ".." && piece.bytes().all(is_plain)
}

fn next_piece(text: &str) -> (&str, Option<&str>) {
    text.split_once('/').map_or((text, None), |(piece, behind)| (piece, Some(behind)))
}

/// `a:b/c:d/[e:f,g:h]/destination:https://x/y`: a value that is the scheme of a URL takes all that is left.
fn take_pairs<'p, F>(path: &'p str, taken: &mut Taken<'p, F>) {
    let (mut rest, mut item, mut items) = (Some(path), 0, 0);
    while let Some(text) = rest.filter(|_| taken.pairs.len() < PAIRS_MAX) {
        let (mut piece, behind) = next_piece(text);
        rest = behind;
        if let Some((_, value)) = piece.split_once(':').filter(|(_, value)| is_scheme(value)) {
            let name_bytes = piece.len() - value.len() - 1;
            let (name, url) = (text.get(..name_bytes), text.get(name_bytes + 1..));
            let (name, url) = (decoded(name.unwrap_or("")), Cow::Borrowed(url.unwrap_or("")));
            taken.pairs.push(PathPair { item, name, value: url });
            taken.ends_in_url = true;
            return;
        }
        while !piece.is_empty() {
            if let Some(inner) = piece.strip_prefix('[') {
                items += 1;
                (item, piece) = (items, inner);
            }
            let end = if item == 0 { None } else { piece.find([',', ']']) };
            let (pair, sign, behind) = match end {
                Some(end) => (piece.get(..end), piece.get(end..=end), piece.get(end + 1..).unwrap_or("")),
                None => (Some(piece), None, ""),
            };
            if let Some((name, value)) = pair.and_then(|it| it.split_once(':')) {
                taken.pairs.push(PathPair { item, name: decoded(name), value: decoded(value) });
            }
            item = if sign == Some("]") { 0 } else { item };
            piece = behind;
        }
    }
}

fn is_scheme(value: &str) -> bool {
    value.eq_ignore_ascii_case("https:") || value.eq_ignore_ascii_case("http:")
}

/// Percent-decoded once; bytes that are no UTF-8 are replaced. A plus is a plus in a path.
#[must_use]
pub fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|it| char::from(*it).to_digit(16));
        let byte = digit(0).zip(digit(1)).filter(|_| *first == b'%');
        let byte = byte.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> PathForm<char> {
        PathForm::parse(text, |name| name.chars().next()).unwrap()
    }

    fn taken(form_text: &str, path: &str) -> Option<String> {
        let taken = form(form_text).take(path)?;
        let fields = taken.fields.iter().map(|(name, value)| format!("{name}={value}"));
        let pairs = taken.pairs.iter().map(|it| format!("{}:{}={}", it.item, it.name, it.value));
        Some(fields.chain(pairs).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_form_takes_the_paths_of_its_shape_and_no_other() {
        let cases = [
            ("/", "/", Some("")),
            ("/", "/x", None),
            ("/aff_c", "/aff_c", Some("")),
            ("/aff_c", "/Aff_C/", Some("")),
            ("/aff_c", "/aff_c/x", None),
            ("/{partner}/{offer}", "/2CTPL/8DLXK/", Some("p=2CTPL o=8DLXK")),
            ("/{partner}/{offer}", "/2CTPL", None),
            ("/{partner}/{offer}", "//8DLXK", None),
            ("/{link}", "/a%20b", Some("l=a b")),
            ("/{link}", "/", None),
            ("/x/{_}/y", "/x/any/y", Some("")),
            ("/click/{pairs}", "/click/camref:1/pubref:a%2Fb", Some("0:camref=1 0:pubref=a/b")),
            ("/click/{pairs}", "/click", Some("")),
            (
                "/click/{pairs}",
                "/click/camref:1/destination:https://shop.example/a:b/c/",
                Some("0:camref=1 0:destination=https://shop.example/a:b/c/"),
            ),
            (
                "/click/{pairs}",
                "/click/destination:https%3A%2F%2Fshop.example%2F/camref:1",
                Some("0:destination=https://shop.example/ 0:camref=1"),
            ),
            (
                "/conversion/{pairs}",
                "/conversion/ref:1/[category:a,value:2][value:3/quantity:4]/country:GB",
                Some("0:ref=1 1:category=a 1:value=2 2:value=3 2:quantity=4 0:country=GB"),
            ),
        ];
        for (form, path, want) in cases {
            assert_eq!(taken(form, path).as_deref(), want, "{form} {path}");
        }
    }

    #[test]
    fn forms_that_could_not_be_meant_are_refused() {
        for text in ["", "aff_c", "/a b", "/{pairs}/x", "/../x", "/a//b", "/{}", "/a?b", "/{a", "/%41"] {
            assert!(PathForm::parse(text, |name| name.chars().next()).is_err(), "{text}");
        }
    }

    #[test]
    fn narrower_forms_come_first() {
        let widths = ["/a/b", "/a/{b}", "/{a}/{b}", "/a/{pairs}"].map(|it| form(it).width());
        assert!(widths.is_sorted(), "{widths:?}");
        assert_eq!(form("/A/{b}").skeleton(), form("/a/{_}").skeleton());
    }

    proptest::proptest! {
        #[test]
        fn any_path_is_taken_or_not(path in "(/|[a-c:%2F\\[\\],é]|https:){0,24}") {
            for text in ["/", "/{a}", "/{a}/{b}", "/a/{pairs}", "/{pairs}"] {
                drop(form(text).take(&path));
            }
        }
    }
}
