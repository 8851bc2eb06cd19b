//! A row read by the names of its columns, as the product's client reads it back.
//!
//! In: a row. Out: any of the product's own row types. Not here: what such a row means (`warehouse::recall`). Start at [`Row::read`].

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, IntoDeserializer, Visitor,
        value::{Error, MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};

use super::{Row, Value};

impl Row {
    /// The same row as a type that names the columns it needs.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        let fields = self.0.iter().map(|(name, value)| (name.as_str(), Field(value)));
        T::deserialize(MapDeserializer::new(fields)).map_err(|error: Error| error.to_string())
    }
}

/// One value on its way.
struct Field<'a>(&'a Value);

impl IntoDeserializer<'_, Error> for Field<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Field<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Number(it) => visitor.visit_u64(*it),
            Value::Text(it) => visitor.visit_str(it),
            Value::Id(it) => visitor.visit_seq(SeqDeserializer::new(it.iter().copied())),
            Value::List(it) => visitor.visit_seq(SeqDeserializer::new(it.iter().map(String::as_str))),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Number(it) => visitor.visit_bool(*it != 0),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Number(it) => visitor.visit_i64(it.cast_signed()),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}
