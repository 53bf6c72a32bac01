//! YAML with places: text to tree to types.

pub(crate) mod decode;
pub(crate) mod node;
pub(crate) mod parse;
