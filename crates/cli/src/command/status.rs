//! `status`: how a running worker is, as it says itself.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use exactly_once::config::JobFile;
use serde_json::Value;

use crate::arguments::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::http_get;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[group(required = true, multiple = false)]
pub(crate) struct StatusArguments {
    /// The job file: its `http.listen` is asked
    #[arg(value_name = "JOB.yaml")]
    job: Option<PathBuf>,
    /// Address of a worker, as in `http.listen`
    #[arg(long, value_name = "ADDRESS")]
    at: Option<SocketAddr>,
}

const EXAMPLES: &str = "\
Examples:
  velostream status orders-dr.yaml
  velostream status --at 127.0.0.1:9464
  velostream status --at 127.0.0.1:9464 -o json | jq .

Exit code 69 where nobody answers.";

pub(crate) fn run(arguments: &StatusArguments, global: &Global) -> Result<Exit, Failure> {
    let address = match (&arguments.job, arguments.at) {
        (_, Some(address)) => address,
        (Some(path), None) => address_of(path)?,
        (None, None) => return Err(Failure::usage("nobody to ask", "Name a job file, or --at ADDRESS.")),
    };
    let status: Value = http_get::json(address, "/status")?;
    output::document(global.output, &status, table)?;
    Ok(Exit::Done)
}

fn address_of(path: &PathBuf) -> Result<SocketAddr, Failure> {
    let job = JobFile::load(path)?;
    job.http.map(|http| http.listen).ok_or_else(|| {
        Failure::usage(
            format!("{}: the job has no `http`, so its worker cannot be asked", path.display()),
            "Add http: { listen: \"127.0.0.1:9464\" }, or name the address with --at.",
        )
    })
}

/// Plain values as lines, lists of objects as tables below each other.
fn table(status: &Value) -> String {
    let mut lines = Vec::new();
    let mut tables = String::new();
    section("", status, &mut lines, &mut tables);
    format!("{}{tables}", output::columns(&[], lines))
}

fn section(path: &str, value: &Value, lines: &mut Vec<Vec<String>>, tables: &mut String) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                section(&path, value, lines, tables);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            tables.push_str(&objects(path, items));
            // Lists inside the items stand below, named after their place.
            for (index, item) in items.iter().enumerate() {
                for (name, value) in item.as_object().into_iter().flatten() {
                    if value.is_array() {
                        section(&format!("{path}[{index}].{name}"), value, lines, tables);
                    }
                }
            }
        }
        plain => lines.push(vec![path.to_owned(), shown(plain)]),
    }
}

fn objects(path: &str, items: &[Value]) -> String {
    let mut header: Vec<&str> = Vec::new();
    for (name, value) in items.iter().filter_map(Value::as_object).flatten() {
        if !value.is_array() && !header.contains(&name.as_str()) {
            header.push(name);
        }
    }
    let rows = items.iter().map(|item| {
        header.iter().map(|name| shown(item.get(name).unwrap_or(&Value::Null))).collect::<Vec<_>>()
    });
    format!("\n{path}\n{}", output::columns(&header, rows))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
