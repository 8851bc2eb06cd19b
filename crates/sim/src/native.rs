//! Reads blocks of ClickHouse's Native format, as the sink sends them, so that the simulated engine takes the product's own bytes.
//!
//! In: a block. Out: rows of named values. Only the types that the sink's tables have. Start at [`decode`].

use std::collections::BTreeMap;

mod fields;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Any integer, time or truth value.
    Number(u64),
    Text(String),
    Id([u8; 16]),
    /// Of a map the keys, then the values.
    List(Vec<String>),
}

/// One row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Row(BTreeMap<String, Value>);

impl Row {
    pub(crate) fn number(&self, name: &str) -> u64 {
        match self.0.get(name) {
            Some(Value::Number(it)) => *it,
            other => panic!("{name} is a number, found {other:?}"),
        }
    }

    pub(crate) fn small(&self, name: &str) -> u32 {
        u32::try_from(self.number(name)).expect("the column has 32 bits")
    }

    pub(crate) fn money(&self, name: &str) -> i64 {
        self.number(name).cast_signed()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(Value::Text(it)) => it.clone(),
            other => panic!("{name} is a text, found {other:?}"),
        }
    }

    pub(crate) fn id(&self, name: &str) -> [u8; 16] {
        match self.0.get(name) {
            Some(Value::Id(it)) => *it,
            other => panic!("{name} is an id, found {other:?}"),
        }
    }
}

/// The rest of a block.
struct Input<'a>(&'a [u8]);

/// Rows of a block; an error names what cannot be read.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Row>, String> {
    let mut input = Input(bytes);
    let whole = read(&mut input).ok_or("the block is cut short or of unknown types")?;
    if input.0.is_empty() { Ok(whole) } else { Err(format!("{} bytes behind the block", input.0.len())) }
}

fn read(input: &mut Input<'_>) -> Option<Vec<Row>> {
    let columns = input.varint()?;
    let count = usize::try_from(input.varint()?).ok()?;
    let mut rows = vec![Row::default(); count];
    for _ in 0..columns {
        let (name, kind) = (input.text()?, input.text()?);
        let values = input.column(&kind, count)?;
        for (row, value) in rows.iter_mut().zip(values) {
            row.0.insert(name.clone(), value);
        }
    }
    Some(rows)
}

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn varint(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
    }

    fn raw(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        self.take(length)
    }

    fn text(&mut self) -> Option<String> {
        Some(String::from_utf8_lossy(self.raw()?).into_owned())
    }

    fn number(&mut self, bytes: usize) -> Option<Value> {
        let mut whole = [0; 8];
        whole.get_mut(..bytes)?.copy_from_slice(self.take(bytes)?);
        Some(Value::Number(u64::from_le_bytes(whole)))
    }

    fn column(&mut self, kind: &str, rows: usize) -> Option<Vec<Value>> {
        let width = match kind {
            "Bool" | "UInt8" => 1,
            "UInt16" => 2,
            "UInt32" | "DateTime('UTC')" => 4,
            "UInt64" | "Int64" | "DateTime64(3, 'UTC')" => 8,
            "FixedString(16)" => {
                return (0..rows).map(|_| Some(Value::Id(*self.take(16)?.as_array()?))).collect();
            }
            "String" => return (0..rows).map(|_| self.text().map(Value::Text)).collect(),
            "Array(String)" => return self.lists(rows, 1),
            "Map(String, String)" => return self.lists(rows, 2),
            _ => return None,
        };
        (0..rows).map(|_| self.number(width)).collect()
    }

    /// Ends of the lists, then their texts; of maps all keys, then all values.
    fn lists(&mut self, rows: usize, texts_each: usize) -> Option<Vec<Value>> {
        let ends = (0..rows).map(|_| Some(u64::from_le_bytes(*self.take(8)?.as_array()?)));
        let ends: Vec<usize> = ends.map(|end| usize::try_from(end?).ok()).collect::<Option<_>>()?;
        let mut lists = vec![Vec::new(); rows];
        for _ in 0..texts_each {
            let mut begin = 0;
            for (list, end) in lists.iter_mut().zip(&ends) {
                for _ in begin..*end {
                    list.push(self.text()?);
                }
                begin = *end;
            }
        }
        Some(lists.into_iter().map(Value::List).collect())
    }
}
