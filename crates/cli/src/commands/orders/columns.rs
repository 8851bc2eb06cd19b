//! Which column of a file is what of a report, and a row as the line of JSON that the edge reads.
//!
//! In: the first row's names, as the edge calls parameters (`edge::report_parameter`) or as the caller says. Out: JSON lines. Columns that no report
//! has are not sent: names and addresses of customers stay where they are. What a value means is the edge's business.

use serde_json::{Map, Value};

use super::{
    dialect::{Meaning, Speech},
    fault::Fault,
    table::Cells,
};

/// Names that are told in one message, and how much of each.
const NAMES_TOLD_MAX: usize = 12;
const NAME_CHARACTERS_MAX: usize = 40;

/// `FIELD=NAME`, as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Renamed {
    pub(super) field: String,
    pub(super) header: String,
}

impl std::str::FromStr for Renamed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (field, header) =
            text.split_once('=').ok_or("write FIELD=NAME, such as order_id=Order number")?;
        if edge::report_parameter(field).is_none() {
            return Err(format!(
                "no report has a `{field}`; there are order_id, time, amount, currency, click_id, coupon, customer_id, status..."
            ));
        }
        Ok(Self { field: field.trim().to_lowercase(), header: header.trim().to_owned() })
    }
}

/// What is read of each row.
#[derive(Debug)]
pub(super) struct Columns {
    read: Vec<Column>,
    count: usize,
    /// Every row must say when.
    needs_time: bool,
    /// Headers that nobody reads.
    pub(super) ignored: Vec<String>,
}

/// One that is read.
#[derive(Debug)]
struct Column {
    place: usize,
    /// The parameter it is sent as, or what it is in a dialect and what the file calls it.
    name: String,
    meaning: Option<Meaning>,
}

/// How many cells name something that a report has.
pub(super) fn known(cells: &Cells, renamed: &[Renamed], speech: Option<&Speech>) -> usize {
    cells.iter().filter(|cell| column(&text(cell), renamed, speech).is_some()).count()
}

impl Columns {
    pub(super) fn of(
        header: &Cells,
        renamed: &[Renamed],
        speech: Option<&Speech>,
        needs_time: bool,
    ) -> Result<Self, Fault> {
        let headers: Vec<String> = header.iter().map(text).collect();
        if let Some(it) = renamed.iter().find(|it| !headers.iter().any(|header| same(header, &it.header))) {
            return Err(Fault::ColumnMissing { name: told(&it.header), names: list(&headers) });
        }
        let (mut read, mut ignored) = (Vec::<Column>::new(), Vec::new());
        for (place, header) in headers.iter().enumerate() {
            match column(header, renamed, speech) {
                Some((name, _)) if read.iter().any(|held| held.name == name) => {
                    return Err(Fault::HeaderDuplicate { name: told(&name) });
                }
                Some((name, meaning)) => read.push(Column { place, name, meaning }),
                None => ignored.push(told(header)),
            }
        }
        if read.is_empty() {
            return Err(Fault::HeaderUnknown { names: list(&headers) });
        }
        if needs_time && !read.iter().any(Column::is_time) {
            return Err(Fault::TimeColumnMissing);
        }
        Ok(Self { read, count: headers.len(), needs_time, ignored })
    }

    /// The names that are sent, in the file's order.
    pub(super) fn names(&self) -> Vec<&str> {
        self.read.iter().map(|it| it.name.as_str()).collect()
    }

    /// A row as the edge reads it; empty cells say nothing.
    pub(super) fn line(&self, cells: &Cells, speech: Option<&Speech>) -> Result<String, Fault> {
        if cells.len() != self.count {
            return Err(Fault::Columns { found: cells.len(), wanted: self.count });
        }
        let mut object = Map::new();
        let mut theirs = Vec::new();
        let mut has_time = false;
        for column @ Column { place, name, meaning } in &self.read {
            let cell = cells.get(*place).unwrap_or_default().trim_ascii();
            let value = std::str::from_utf8(cell).map_err(|_| Fault::NotUtf8 { name: name.clone() })?.trim();
            if value.chars().any(char::is_control) {
                return Err(Fault::ControlCharacter { name: name.clone() });
            }
            // "When you get this" is no time of an order of before.
            let is_now = column.is_time() && value.eq_ignore_ascii_case("now");
            if !value.is_empty() && !is_now {
                has_time |= column.is_time();
                match meaning {
                    Some(meaning) => theirs.push((*meaning, value)),
                    None => drop(object.insert(name.clone(), Value::from(value))),
                }
            }
        }
        if self.needs_time && !has_time {
            return Err(Fault::TimeMissing);
        }
        if let Some(speech) = speech {
            object.extend(speech.ours(&theirs)?);
        }
        Ok(Value::Object(object).to_string())
    }
}

impl Column {
    fn is_time(&self) -> bool {
        self.meaning.map_or_else(
            || edge::report_parameter(&self.name) == Some("time"),
            |it| it.field == catalog::ReportField::Time,
        )
    }
}

/// What a column is sent as; in a dialect, what it means.
fn column(header: &str, renamed: &[Renamed], speech: Option<&Speech>) -> Option<(String, Option<Meaning>)> {
    let by_hand = renamed.iter().find(|it| same(&it.header, header));
    let Some(speech) = speech else {
        return by_hand
            .map_or_else(|| parameter(header, renamed), |it| Some(it.field.clone()))
            .map(|it| (it, None));
    };
    // What no dialect has a word for goes to the edge by our name.
    let theirs = |meaning: Meaning| (format!("{} ({})", meaning.field.as_str(), told(header)), Some(meaning));
    match by_hand {
        Some(it) => Some(Speech::by_hand(&it.field).map_or_else(|| (it.field.clone(), None), theirs)),
        None => match speech.meaning(header) {
            Some(meaning) => Some(theirs(meaning)),
            None if edge::report_parameter(header).is_some_and(Speech::is_only_ours) => {
                parameter(header, renamed).map(|it| (it, None))
            }
            None => None,
        },
    }
}

/// The default dialect's name for a column.
fn parameter(header: &str, renamed: &[Renamed]) -> Option<String> {
    // A column that was named for a value takes the place of one that is called so by itself.
    let field = edge::report_parameter(header)?;
    let is_taken = renamed.iter().any(|it| edge::report_parameter(&it.field) == Some(field));
    (!is_taken).then(|| header.trim().to_lowercase())
}

fn same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

fn text(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).trim().to_owned()
}

/// A name from a file of anybody, fit for a terminal.
pub(super) fn told(name: &str) -> String {
    name.chars().filter(|it| !it.is_control()).take(NAME_CHARACTERS_MAX).collect()
}

fn list(names: &[String]) -> String {
    let mut told: Vec<String> =
        names.iter().take(NAMES_TOLD_MAX).map(|it| format!("`{}`", told(it))).collect();
    if names.len() > NAMES_TOLD_MAX {
        told.push("...".to_owned());
    }
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    fn columns(header: &str, renamed: &[&str]) -> Result<(Vec<String>, Vec<String>), Fault> {
        let renamed: Vec<Renamed> = renamed.iter().map(|it| it.parse().unwrap()).collect();
        let mut table =
            table::open(header.as_bytes(), |cells| known(cells, &renamed, None)).unwrap().unwrap();
        let row = table.next().unwrap().unwrap();
        let columns = Columns::of(row.cells.unwrap(), &renamed, None, false)?;
        Ok((columns.names().into_iter().map(str::to_owned).collect(), columns.ignored))
    }

    #[test]
    fn a_column_named_by_hand_takes_the_place_of_one_that_is_called_so() {
        let cases: [(&str, &[&str], &str, &str); 5] = [
            ("Order_ID,Total,Customer name", &[], "order_id", "Total,Customer name"),
            ("order_id,Total,amount", &["amount=total"], "order_id,amount", "amount"),
            ("Name;Id;Paid at", &["order_id=Name", "TIME=Paid at"], "order_id,time", "Id"),
            ("external_id,order_id", &[], "external_id,order_id", ""),
            ("order_id,,,", &[], "order_id", ",,"),
        ];
        for (header, renamed, read, ignored) in cases {
            let want = (read.split(',').map(str::to_owned).collect(), ignored);
            let got = columns(header, renamed).map(|(read, ignored)| (read, ignored.join(",")));
            assert_eq!(got, Ok((want.0, want.1.to_owned())), "{header}");
        }
        let twice = columns("time,TIME", &[]);
        assert_eq!(twice, Err(Fault::HeaderDuplicate { name: "time".to_owned() }));
        assert!("colour=x".parse::<Renamed>().is_err() && "order_id".parse::<Renamed>().is_err());
    }
}
