//! A YAML document as a tree that knows where each part stands.

use crate::config::problem::Place;

/// A part of a document.
///
/// No `Debug`: after the variables were resolved it holds secrets.
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What stands there.
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float,
    Text(Text),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A scalar that is text.
pub(crate) struct Text {
    pub(crate) text: String,
    /// A variable was put in: the text may be a number or a secret.
    pub(crate) substituted: bool,
}

/// A key of a mapping and its value.
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) value: Node,
}

impl Value {
    /// What it is, for messages; never its content.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Integer(_) => "a whole number",
            Self::Float => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl Node {
    /// The value below `key` of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
            _ => None,
        }
    }
}
