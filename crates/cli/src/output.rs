//! Writing to stdout: tables for people, JSON for programs. A reader that goes away is not an error of ours.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::arguments::Form;
use crate::failure::Failure;

/// Writes text as it is.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::output)
}

/// Writes one document in the form that was asked for; `table` makes the one for people.
pub(crate) fn document<T: Serialize>(
    form: Form,
    value: &T,
    table: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    let json = |result: serde_json::Result<String>| result.map_err(Failure::json);
    match form {
        Form::Table => text(&table(value)),
        Form::Json => text(&format!("{}\n", json(serde_json::to_string_pretty(value))?)),
        Form::Ndjson => text(&format!("{}\n", json(serde_json::to_string(value))?)),
    }
}

/// Writes a list in the form that was asked for: one JSON array, or one line per item.
pub(crate) fn list<T: Serialize>(
    form: Form,
    items: &[T],
    table: impl FnOnce(&[T]) -> String,
) -> Result<(), Failure> {
    match form {
        Form::Table => text(&table(items)),
        Form::Json => document(form, &items, |_| String::new()),
        Form::Ndjson => items.iter().try_for_each(|item| document(form, item, |_| String::new())),
    }
}

/// A table without lines, its columns as wide as the terminal allows.
pub(crate) fn columns(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !header.is_empty() {
        table.set_header(header.iter().map(|name| name.to_uppercase()));
    }
    table.add_rows(rows);
    table.trim_fmt().lines().map(|line| format!("{}\n", line.trim_start_matches(' ').trim_end())).collect()
}
