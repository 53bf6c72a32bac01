//! One field of a composite id.

use std::fmt;

use velostream_core::StreamRecord;

use crate::position::position_text;
use crate::{Error, Result};

/// A part of a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Field {
    /// `key`: the key's bytes.
    Key,
    /// `value`: the value's bytes.
    Value,
    /// `timestamp`: milliseconds since the Unix epoch.
    Timestamp,
    /// `position`: the position's id.
    Position,
    /// `header:NAME`: the values of all headers of this name, in their order.
    Header(String),
    /// `key:/POINTER`: a text, integer, boolean or null inside a JSON key (RFC 6901).
    KeyJson(String),
    /// `value:/POINTER`: a text, integer, boolean or null inside a JSON value (RFC 6901).
    ValueJson(String),
}

/// What a field holds; null, empty and absent differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldValue {
    /// There is no such header.
    Absent,
    /// Null.
    Null,
    /// Bytes; for JSON fields their JSON text, so that `"1"` and `1` differ.
    Bytes(Vec<u8>),
}

impl Field {
    /// Reads the configured spelling.
    ///
    /// # Errors
    /// `Field` -> Reject.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why| Error::Field { field: text.to_owned(), why };
        let pointer = |pointer: &str| match pointer.starts_with('/') {
            true => Ok(pointer.to_owned()),
            false => Err(refuse("a JSON pointer starts with `/`")),
        };
        match text.split_once(':') {
            None => match text {
                "key" => Ok(Self::Key),
                "value" => Ok(Self::Value),
                "timestamp" => Ok(Self::Timestamp),
                "position" => Ok(Self::Position),
                _ => Err(refuse(
                    "expected key, value, timestamp, position, header:NAME, key:/PATH or value:/PATH",
                )),
            },
            Some(("header", name)) => Ok(Self::Header(name.to_owned())),
            Some(("key", path)) => pointer(path).map(Self::KeyJson),
            Some(("value", path)) => pointer(path).map(Self::ValueJson),
            Some(_) => Err(refuse("expected header:NAME, key:/PATH or value:/PATH")),
        }
    }

    /// The values of this field; several only for a repeated header, never none.
    ///
    /// # Errors
    /// `NoValue` -> Reject, for a JSON field that is missing, not JSON, or a number without an exact integer.
    pub fn values(&self, record: &StreamRecord) -> Result<Vec<FieldValue>> {
        let one = |bytes: Option<&[u8]>| bytes.map_or(FieldValue::Null, |b| FieldValue::Bytes(b.to_vec()));
        Ok(match self {
            Self::Key => vec![one(record.key.as_deref())],
            Self::Value => vec![one(record.value.as_deref())],
            Self::Timestamp => vec![FieldValue::Bytes(record.timestamp_ms.to_string().into())],
            Self::Position => vec![FieldValue::Bytes(position_text(&record.position)?.into())],
            Self::Header(name) => {
                let named = record.headers.iter().filter(|h| h.name == name.as_bytes());
                let values: Vec<_> = named.map(|h| one(h.value.as_deref())).collect();
                if values.is_empty() { vec![FieldValue::Absent] } else { values }
            }
            Self::KeyJson(path) => vec![self.json(record, record.key.as_deref(), path)?],
            Self::ValueJson(path) => vec![self.json(record, record.value.as_deref(), path)?],
        })
    }

    fn json(&self, record: &StreamRecord, bytes: Option<&[u8]>, path: &str) -> Result<FieldValue> {
        use serde_json::Value;
        let refuse =
            |why| Error::NoValue { position: record.position.to_string(), field: self.to_string(), why };
        let bytes = bytes.ok_or_else(|| refuse("it is null"))?;
        let root: Value = serde_json::from_slice(bytes).map_err(|_| refuse("it is not JSON"))?;
        match root.pointer(path).ok_or_else(|| refuse("the path is missing"))? {
            Value::Null => Ok(FieldValue::Null),
            value @ (Value::Bool(_) | Value::String(_)) => Ok(FieldValue::Bytes(value.to_string().into())),
            // Above 64 bits a parser rounds, and two ids would become one.
            Value::Number(number) if number.is_i64() || number.is_u64() => {
                Ok(FieldValue::Bytes(number.to_string().into()))
            }
            Value::Number(_) => Err(refuse("only integers of 64 bits have an exact text")),
            Value::Array(_) | Value::Object(_) => Err(refuse("it is an array or an object")),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str("key"),
            Self::Value => f.write_str("value"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Position => f.write_str("position"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::KeyJson(path) => write!(f, "key:{path}"),
            Self::ValueJson(path) => write!(f, "value:{path}"),
        }
    }
}
