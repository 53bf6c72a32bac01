//! From text to a tree. The parser is serde-saphyr; the tree is ours, so that variables can be put into its scalars
//! before anything gives them a type.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, SnippetMode, Spanned};

use super::node::{Entry, Node, Text, Value};
use crate::config::problem::{Place, Problem};

/// Bounds of a job file. It has about 60 keys; anchors are rare.
const MAX_DEPTH: usize = 32;
const MAX_NODES: usize = 20_000;
const MAX_ALIASES: usize = 200;

/// Parses one document.
pub(crate) fn parse(source: &str) -> Result<Node, Problem> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_aliases: MAX_ALIASES,
            // The second is met with a message of its own.
            max_documents: 2,
        },
    };
    let raw: Spanned<Raw> =
        serde_saphyr::from_str_with_options(source, options).map_err(|e| syntax(&e, source))?;
    Ok(node(raw, source))
}

fn syntax(error: &serde_saphyr::Error, source: &str) -> Problem {
    let problem = match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
            Problem::new(format!("the key `{key}` stands here for the second time"))
                .with_remedy("keep one of them")
        }
        serde_saphyr::Error::MultipleDocuments { .. } => {
            Problem::new("the file holds more than one document").with_remedy("write one job per file")
        }
        serde_saphyr::Error::Budget { .. } => Problem::new("the file is deeper or larger than any job file")
            .with_remedy("a job has about 60 keys"),
        other => {
            let options = serde_saphyr::render_options! { snippets: SnippetMode::Off };
            let text = other.render_with_options(options);
            let message = text.split(" at line ").next().unwrap_or(&text);
            Problem::new(format!("not valid YAML: {message}"))
        }
    };
    let Some(location) = error.location() else { return problem };
    let place = place(location, source);
    let line = source.lines().nth(place.line.saturating_sub(1)).unwrap_or("");
    // `{ a: ${B} }` is not YAML: the first closing brace ends the mapping.
    if problem.remedy.is_none() && line.contains("${") && line.contains('{') {
        return problem.at(place).with_remedy("put quotes around a variable: \"${NAME}\"");
    }
    problem.at(place)
}

/// Byte positions of a location; the parser gives them for scalars, for others they are counted.
fn place(location: Location, source: &str) -> Place {
    let span = location.span();
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let (line, column) = (number(location.line()).max(1), number(location.column()).max(1));
    let (offset, length) = match (span.byte_offset(), span.byte_len()) {
        (Some(offset), Some(length)) => (number(offset), number(length)),
        _ => (offset_of(line, column, source), 0),
    };
    let offset = offset.min(source.len());
    Place { line, column, offset, length: length.min(source.len().saturating_sub(offset)) }
}

fn offset_of(line: usize, column: usize, source: &str) -> usize {
    let before: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let within = source.split_inclusive('\n').nth(line.saturating_sub(1)).unwrap_or("");
    before + within.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum::<usize>()
}

fn node(raw: Spanned<Raw>, source: &str) -> Node {
    let place = place(raw.referenced, source);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(value) => Value::Bool(value),
        Raw::Integer(value) => Value::Integer(value),
        Raw::Float => Value::Float,
        Raw::Text(text) => Value::Text(Text { text, substituted: false }),
        Raw::List(items) => Value::List(items.into_iter().map(|item| node(item, source)).collect()),
        Raw::Map(entries) => {
            Value::Map(entries.into_iter().map(|(key, value)| entry(key, value, source)).collect())
        }
    };
    Node { place, value }
}

fn entry(key: Spanned<String>, value: Spanned<Raw>, source: &str) -> Entry {
    Entry { key_place: place(key.referenced, source), key: key.value, value: node(value, source) }
}

/// What the parser hands over.
enum Raw {
    Null,
    Bool(bool),
    Integer(i128),
    Float,
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Integer(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Integer(i128::try_from(value).unwrap_or(i128::MAX)))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Float)
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}
