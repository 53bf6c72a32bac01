//! Ids made of several fields.
//!
//! ```text
//! composite:{field}={bytes}&{field}~&{field}!
//! ```
//! `=` a value, `~` null, `!` no such header; names and values are percent-escaped; a repeated header repeats its name.

use velostream_core::StreamRecord;

use crate::escape::{escape_into, unescape, unescape_text};
use crate::position::{parse_text, position_text, shown};
use crate::{Error, Field, FieldValue, RecordId, Result};

const PREFIX: &str = "composite:";
const STRATEGY: &str = "composite";

/// The fields of a composite id, checked: at least one, none twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CompositeFields(Vec<Field>);

impl CompositeFields {
    /// Checks the fields.
    ///
    /// # Errors
    /// `Field` -> Reject, where there is none or one twice.
    pub fn new(fields: Vec<Field>) -> Result<Self> {
        if fields.is_empty() {
            return Err(Error::Field { field: String::new(), why: "at least one field is needed" });
        }
        for (n, field) in fields.iter().enumerate() {
            if fields.iter().skip(n + 1).any(|other| other == field) {
                return Err(Error::Field { field: field.to_string(), why: "it is listed twice" });
            }
        }
        Ok(Self(fields))
    }

    /// Reads the configured spellings.
    ///
    /// # Errors
    /// As [`new`](Self::new) and [`Field::parse`].
    pub fn parse<T: AsRef<str>>(fields: &[T]) -> Result<Self> {
        Self::new(fields.iter().map(|text| Field::parse(text.as_ref())).collect::<Result<_>>()?)
    }

    /// The fields.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.0
    }

    pub(crate) fn generate(&self, record: &StreamRecord) -> Result<RecordId> {
        let mut values = Vec::with_capacity(self.0.len());
        for field in &self.0 {
            values.extend(field.values(record)?.into_iter().map(|value| (field, value)));
        }
        RecordId::from_text(&spell(values.iter().map(|(field, value)| (*field, value))))
    }

    /// The values of an id, in the order of the fields.
    pub(crate) fn parse_id(&self, id: &RecordId) -> Result<Vec<(Field, FieldValue)>> {
        let refuse = |why| Error::NotAnId { id: shown(id), strategy: STRATEGY, why };
        let text = id.text().ok_or_else(|| refuse("it is a digest"))?;
        let body = text.strip_prefix(PREFIX).ok_or_else(|| refuse("it does not start with composite:"))?;
        let values: Vec<_> = body
            .split('&')
            .map(parse_entry)
            .collect::<Option<_>>()
            .ok_or_else(|| refuse("it does not parse"))?;
        let mut order: Vec<&Field> = values.iter().map(|(field, _)| field).collect();
        order.dedup();
        if !order.iter().copied().eq(&self.0) {
            return Err(refuse("its fields are not the configured ones"));
        }
        if !values.iter().all(|(field, value)| fits(field, value)) || !repeats_are_headers(&values) {
            return Err(refuse("a field has a value that it cannot have"));
        }
        if spell(values.iter().map(|(field, value)| (field, value))) != text {
            return Err(refuse("it is spelt differently"));
        }
        Ok(values)
    }
}

fn spell<'a>(values: impl Iterator<Item = (&'a Field, &'a FieldValue)>) -> String {
    let mut text = String::from(PREFIX);
    for (n, (field, value)) in values.enumerate() {
        if n > 0 {
            text.push('&');
        }
        escape_into(&mut text, field.to_string().as_bytes());
        match value {
            FieldValue::Absent => text.push('!'),
            FieldValue::Null => text.push('~'),
            FieldValue::Bytes(bytes) => {
                text.push('=');
                escape_into(&mut text, bytes);
            }
        }
    }
    text
}

fn parse_entry(entry: &str) -> Option<(Field, FieldValue)> {
    let at = entry.find(['=', '~', '!'])?;
    let (name, rest) = entry.split_at_checked(at)?;
    let value = match (rest.get(..1)?, rest.get(1..)?) {
        ("=", bytes) => FieldValue::Bytes(unescape(bytes)?),
        ("~", "") => FieldValue::Null,
        ("!", "") => FieldValue::Absent,
        _ => return None,
    };
    Some((Field::parse(&unescape_text(name)?).ok()?, value))
}

fn fits(field: &Field, value: &FieldValue) -> bool {
    match (field, value) {
        (Field::Header(_), _) => true,
        (_, FieldValue::Absent) => false,
        (Field::Key | Field::Value, _) => true,
        (Field::Timestamp, FieldValue::Bytes(bytes)) => parses::<i64>(bytes),
        (Field::Position, FieldValue::Bytes(bytes)) => std::str::from_utf8(bytes).is_ok_and(|text| {
            parse_text(text).and_then(|p| position_text(&p).ok()).is_some_and(|again| again == text)
        }),
        (Field::Timestamp | Field::Position, FieldValue::Null) => false,
        (Field::KeyJson(_) | Field::ValueJson(_), FieldValue::Null) => true,
        (Field::KeyJson(_) | Field::ValueJson(_), FieldValue::Bytes(bytes)) => {
            serde_json::from_slice::<serde_json::Value>(bytes)
                .is_ok_and(|value| value.to_string().as_bytes() == bytes)
        }
    }
}

fn parses<T: std::str::FromStr + ToString>(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .is_ok_and(|text| text.parse::<T>().is_ok_and(|value| value.to_string() == text))
}

/// Only a header repeats, and a repeated one is there.
fn repeats_are_headers(values: &[(Field, FieldValue)]) -> bool {
    values.iter().zip(values.iter().skip(1)).all(|((a, x), (b, y))| {
        a != b || (matches!(a, Field::Header(_)) && *x != FieldValue::Absent && *y != FieldValue::Absent)
    })
}
