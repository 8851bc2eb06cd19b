//! One request, carried out on a thread of the engine.
//!
//! In: a [`Call`], whose body is still arriving. Out: one [`Answer`] by its channel. Rows of an INSERT go from the body to
//! the engine's insert stream and never through its parser; everything else must be one statement.
//! Not here: the answer's packing and sending (`answer`), HTTP (`http`), who may do what in general (`access`). Start at [`run`].

mod answer;
mod body;

use std::io::{self, Read};

pub(crate) use answer::{Answer, Piece};
use answer::{Outcome, Writer};
pub(crate) use body::Body;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::{
    access::{self, Role},
    chunks::{self, Head},
    codec::{self, Encoding},
    engine::Core,
    error::{EngineError, code},
    ffi::{Class, Connection, InsertStream, Param},
    multipart, sql,
};

/// Bytes a statement may have, rows of an INSERT not counted. The engine's own limit, `max_query_size`, is lower and can
/// be raised by the request up to this.
pub(crate) const STATEMENT_BYTES_MAX: usize = 16 << 20;
/// Bytes of a body read before the first look for the end of an INSERT's statement.
const HEAD_BYTES: usize = 64 << 10;
/// Bytes handed to an insert stream at a time.
const APPEND_BYTES: usize = 256 << 10;
/// Bytes an answer may have, as rows in memory, in formats that cannot be streamed (JSON, Parquet, Pretty).
const FRAMED_RESULT_BYTES_MAX: u64 = 512 << 20;

/// A request, read as far as its headers.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) role: Role,
    /// It came by GET, which must not write.
    pub(crate) get: bool,
    /// The statement's beginning, from the URL.
    pub(crate) statement: String,
    pub(crate) body: Body,
    /// The body is a form with this boundary, holding the query and its parameters.
    pub(crate) boundary: Option<String>,
    /// How the body is packed, outermost first.
    pub(crate) body_encodings: Vec<Encoding>,
    pub(crate) format: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) params: Vec<Param>,
    /// How to pack the answer, innermost first.
    pub(crate) answer_encodings: Vec<Encoding>,
    /// Marks an exception in the middle of a streamed answer.
    pub(crate) exception_tag: String,
    pub(crate) reply: oneshot::Sender<Answer>,
}

impl Call {
    /// Has the client gone away?
    pub(crate) fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }
}

/// Carries out `call` and sends its answer.
pub(crate) fn run(core: &Core, call: Call) {
    let (reply, task) = Task::split(call);
    let mut outcome = Outcome { reply: Some(reply) };
    if let Err(error) = task.and_then(|task| task.execute(core, &mut outcome)) {
        outcome.send(Answer::Failed(error));
    }
}

struct Task {
    role: Role,
    get: bool,
    statement: Vec<u8>,
    body: Box<dyn Read>,
    format: Option<String>,
    database: Option<String>,
    settings: Vec<(String, String)>,
    params: Vec<Param>,
    answer_encodings: Vec<Encoding>,
    exception_tag: String,
}

impl Task {
    fn split(call: Call) -> (oneshot::Sender<Answer>, Result<Self, EngineError>) {
        let mut body: io::Result<Box<dyn Read>> = Ok(Box::new(call.body));
        for encoding in call.body_encodings {
            body = body.and_then(|body| codec::decoder(encoding, body));
        }
        let task = body.map_err(|error| body_error(&error)).and_then(|body| {
            let mut task = Self {
                role: call.role,
                get: call.get,
                statement: call.statement.into_bytes(),
                body,
                format: call.format,
                database: call.database,
                settings: call.settings,
                params: call.params,
                answer_encodings: call.answer_encodings,
                exception_tag: call.exception_tag,
            };
            match call.boundary {
                Some(boundary) => task.read_form(&boundary).map(|()| task),
                None => Ok(task),
            }
        });
        (call.reply, task)
    }

    fn read_only(&self) -> bool {
        self.get || self.role == Role::Reader
    }

    fn execute(mut self, core: &Core, outcome: &mut Outcome) -> Result<(), EngineError> {
        // Rows whose statement is wholly in the URL: the common insert.
        if let Some(insert) = sql::insert(&self.statement).filter(|insert| insert.format.is_some()) {
            let inline = self.statement.get(insert.rows_at..).unwrap_or_default().to_vec();
            let blank = inline.iter().all(u8::is_ascii_whitespace);
            let front = if blank { Vec::new() } else { [inline.as_slice(), b"\n"].concat() };
            return self.insert(core, outcome, &insert, &front);
        }
        let ended = self.read_statement(HEAD_BYTES)?;
        let mut insert = sql::insert(&self.statement);
        if !ended && insert.as_ref().is_none_or(|insert| insert.open) {
            if !self.read_statement(STATEMENT_BYTES_MAX)? {
                return Err(too_large());
            }
            insert = sql::insert(&self.statement);
        }
        match insert {
            Some(insert) => {
                let front = self.statement.get(insert.rows_at..).unwrap_or_default().to_vec();
                self.insert(core, outcome, &insert, &front)
            }
            None => self.statement(core, outcome),
        }
    }

    /// Reads more of the statement from the body, up to `bytes_max` in all. `true`: the body has ended.
    fn read_statement(&mut self, bytes_max: usize) -> Result<bool, EngineError> {
        // ClickHouse puts a line end between the URL's part and the body's; it is no part of a statement's end.
        if !self.statement.is_empty() && !self.statement.ends_with(b"\n") {
            self.statement.push(b'\n');
        }
        let room = bytes_max.saturating_sub(self.statement.len()) as u64;
        let read = self.body.by_ref().take(room).read_to_end(&mut self.statement);
        let read = read.map_err(|error| body_error(&error))?;
        Ok((read as u64) < room)
    }

    fn read_form(&mut self, boundary: &str) -> Result<(), EngineError> {
        let mut form = Vec::new();
        let read = self.body.by_ref().take(STATEMENT_BYTES_MAX as u64 + 1).read_to_end(&mut form);
        if read.map_err(|error| body_error(&error))? > STATEMENT_BYTES_MAX {
            return Err(too_large());
        }
        for field in multipart::fields(&form, boundary)? {
            match field.name.strip_prefix("param_") {
                Some(name) => self.params.push((name.to_owned(), field.value)),
                None if field.name == "query" => self.statement.extend(field.value.into_bytes()),
                None => {
                    let text =
                        format!("form field {} is neither query nor param_*. (BAD_ARGUMENTS)", field.name);
                    return Err(EngineError::new(code::BAD_ARGUMENTS, &text));
                }
            }
        }
        Ok(())
    }

    /// A connection in the state the request asks for.
    fn connect(&self, core: &Core) -> Result<Connection, EngineError> {
        let mut connection = core.connect(self.read_only(), self.role == Role::Reader)?;
        if let Some(database) = &self.database {
            let text = format!("USE `{}`", database.replace('\\', "\\\\").replace('`', "\\`"));
            connection.query(text.as_bytes(), "Null", &[])?;
        }
        if let Some(text) = set_statement(&self.settings) {
            connection.query(text.as_bytes(), "Null", &[])?;
        }
        Ok(connection)
    }

    fn insert(
        mut self,
        core: &Core,
        outcome: &mut Outcome,
        insert: &sql::Insert,
        front: &[u8],
    ) -> Result<(), EngineError> {
        if self.read_only() {
            return Err(if self.get { access::get_is_read_only() } else { access::read_only() });
        }
        let Some(format) = insert.format.clone().or_else(|| self.format.clone()) else {
            let text = "Syntax error: INSERT without FORMAT, VALUES or SELECT. (SYNTAX_ERROR)";
            return Err(EngineError::new(code::SYNTAX_ERROR, text));
        };
        let mut connection = self.connect(core)?;
        let mut stream = connection.insert(&insert.statement, &format, &self.params)?;
        // On an error the stream is dropped, which cancels it: a cut body must not pass for a whole one.
        pump(&mut stream, front, &mut self.body, core, outcome)?;
        let progress = stream.done()?;
        outcome.send(Answer::Whole { format, bytes: Bytes::new(), progress });
        Ok(())
    }

    /// Runs a statement that brings no rows.
    fn statement(self, core: &Core, outcome: &mut Outcome) -> Result<(), EngineError> {
        let end = self.statement.iter().rposition(|byte| !byte.is_ascii_whitespace() && *byte != b';');
        let statement = end.and_then(|end| self.statement.get(..=end)).unwrap_or_default();
        check_shape(statement)?;
        let mut connection = self.connect(core)?;
        let (statements, class) = connection.classify(statement);
        if statements > 1 {
            return Err(multi_statement());
        }
        if self.role == Role::Reader {
            let names = access::Names { database: self.database.as_deref(), params: &self.params };
            access::check_reader(statement, class, &core.denied, names)?;
        } else if self.get && matches!(class, Class::Mutating | Class::Control) {
            return Err(access::get_is_read_only());
        }
        let named = sql::format_of(statement);
        let format = named.or_else(|| self.format.clone()).unwrap_or_else(|| "TabSeparated".to_owned());
        let mut writer = Writer::new(&self.answer_encodings, format.clone(), self.exception_tag.clone())?;
        if let Some(head) =
            chunks::head_of(&format).filter(|_| is_streamable(statement, class, &self.settings))
        {
            match stream(&mut connection, statement, &format, &self.params, head, core, outcome, &mut writer)
            {
                Err(error) if cannot_stream(&error) => {}
                done => return done,
            }
        }
        if class == Class::ReadOnly && !self.settings.iter().any(|(name, _)| name == "max_result_bytes") {
            let text = format!("SET max_result_bytes = {FRAMED_RESULT_BYTES_MAX}");
            connection.query(text.as_bytes(), "Null", &[])?;
        }
        let answer = connection.query(statement, &format, &self.params)?;
        writer.progress = answer.progress();
        writer.write(answer.bytes(), outcome)?;
        drop(answer);
        writer.finish(outcome)
    }
}

fn check_shape(statement: &[u8]) -> Result<(), EngineError> {
    if sql::tokens(statement).next().is_none() {
        return Err(EngineError::new(code::SYNTAX_ERROR, "Syntax error: empty query. (SYNTAX_ERROR)"));
    }
    if !sql::is_single(statement) {
        return Err(multi_statement());
    }
    if sql::has_word(statement, "outfile") || sql::has_word(statement, "infile") {
        let text = "INTO OUTFILE and FROM INFILE are not allowed over HTTP. (INTO_OUTFILE_NOT_ALLOWED)";
        return Err(EngineError::new(code::INTO_OUTFILE_NOT_ALLOWED, text));
    }
    Ok(())
}

fn multi_statement() -> EngineError {
    EngineError::new(code::SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed). (SYNTAX_ERROR)")
}

fn too_large() -> EngineError {
    let text = format!("statement of more than {STATEMENT_BYTES_MAX} bytes. (QUERY_IS_TOO_LARGE)");
    EngineError::new(code::QUERY_IS_TOO_LARGE, &text)
}

/// A body that cannot be read: cut off, stalled, or not packed as its header says.
fn body_error(error: &io::Error) -> EngineError {
    match error.kind() {
        io::ErrorKind::ConnectionAborted | io::ErrorKind::TimedOut => {
            EngineError::new(code::NETWORK_ERROR, &format!("{error}. (NETWORK_ERROR)"))
        }
        _ => EngineError::new(
            code::CANNOT_DECOMPRESS,
            &format!("cannot decompress the request's body: {error}. (CANNOT_DECOMPRESS)"),
        ),
    }
}

/// `SET a = '1', b = '2'`; `readonly` last, as it locks the others.
fn set_statement(settings: &[(String, String)]) -> Option<String> {
    if settings.is_empty() {
        return None;
    }
    let (last, first): (Vec<_>, Vec<_>) = settings.iter().partition(|(name, _)| name == "readonly");
    let pair = |(name, value): &&(String, String)| {
        format!("{name} = '{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
    };
    let pairs: Vec<String> = first.iter().chain(&last).map(pair).collect();
    Some(format!("SET {}", pairs.join(", ")))
}

/// Sends the front and the rest of the body to the insert stream.
fn pump(
    stream: &mut InsertStream<'_>,
    front: &[u8],
    body: &mut dyn Read,
    core: &Core,
    outcome: &Outcome,
) -> Result<(), EngineError> {
    if !front.is_empty() && !stream.append(front) {
        return Ok(());
    }
    let mut buffer = vec![0; APPEND_BYTES];
    loop {
        let mut filled = 0;
        while let Some(free) = buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
            match body.read(free).map_err(|error| body_error(&error))? {
                0 => break,
                read => filled += read,
            }
        }
        if outcome.is_abandoned() || core.is_closing() {
            return Err(EngineError::new(
                code::QUERY_WAS_CANCELLED,
                "insert was cancelled. (QUERY_WAS_CANCELLED)",
            ));
        }
        // A refused append means that the stream has failed; `done` says why.
        if filled == 0 || !stream.append(buffer.get(..filled).unwrap_or_default()) {
            return Ok(());
        }
    }
}

/// Streams have neither totals nor extremes, so statements with those are fetched whole.
fn is_streamable(statement: &[u8], class: Class, settings: &[(String, String)]) -> bool {
    let first = sql::first_word(statement);
    class == Class::ReadOnly
        && matches!(first.as_str(), "select" | "with" | "from")
        && !sql::has_word(statement, "totals")
        && !sql::has_word(statement, "extremes")
        && !settings.iter().any(|(name, _)| name == "extremes" || name == "output_format_json_array_of_rows")
}

fn cannot_stream(error: &EngineError) -> bool {
    error.code == code::BAD_ARGUMENTS && error.message.contains("Streaming query is not supported")
}

#[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename the list")]
fn stream(
    connection: &mut Connection,
    statement: &[u8],
    format: &str,
    params: &[Param],
    head: Head,
    core: &Core,
    outcome: &mut Outcome,
    writer: &mut Writer,
) -> Result<(), EngineError> {
    let mut blocks = connection.stream(statement, format, params)?;
    let mut first = true;
    loop {
        let block = match blocks.next() {
            Ok(block) => block,
            Err(error) => return writer.fail(error),
        };
        if outcome.is_abandoned() || writer.is_abandoned() || core.is_closing() {
            return Err(EngineError::new(
                code::QUERY_WAS_CANCELLED,
                "query was cancelled. (QUERY_WAS_CANCELLED)",
            ));
        }
        let document = block.bytes();
        if document.is_empty() {
            break;
        }
        writer.progress += block.progress();
        let skipped = if first { 0 } else { head.bytes(document) };
        first = false;
        writer.write(document.get(skipped..).unwrap_or_default(), outcome)?;
    }
    drop(blocks);
    std::mem::take(writer).finish(outcome)
}

/// Runs a statement of the test helper, without HTTP.
#[cfg(feature = "test-util")]
pub(crate) fn testing_query(core: &Core, statement: &str) {
    let connection = core.connect(false, false);
    let done =
        connection.and_then(|mut connection| connection.query(statement.as_bytes(), "Null", &[]).map(|_| ()));
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}
