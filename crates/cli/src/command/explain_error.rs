//! `explain-error`: the page of an error code.

use clap::Args;
use exactly_once::core::Code;
use serde::Serialize;

use crate::arguments::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExplainErrorArguments {
    /// The code, with or without `VS-`; without it all codes are listed
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  velostream explain-error VS-0030
  velostream explain-error 30
  velostream explain-error                    list every code
  velostream explain-error -o ndjson";

#[derive(Serialize)]
struct Page {
    code: String,
    title: &'static str,
    cause: &'static str,
    remedy: &'static str,
    /// `None` where no part of this version raises it.
    example: Option<String>,
}

impl From<Code> for Page {
    fn from(code: Code) -> Self {
        Self {
            code: code.to_string(),
            title: code.title(),
            cause: code.cause(),
            remedy: code.remedy(),
            example: code.example().map(|text| format!("error: {code}: {text}")),
        }
    }
}

pub(crate) fn run(arguments: &ExplainErrorArguments, global: &Global) -> Result<Exit, Failure> {
    let Some(asked) = &arguments.code else {
        let pages: Vec<_> = Code::ALL.iter().copied().map(Page::from).collect();
        output::list(global.output, &pages, |pages| {
            output::columns(
                &["code", "meaning"],
                pages.iter().map(|p| vec![p.code.clone(), p.title.to_owned()]),
            )
        })?;
        return Ok(Exit::Done);
    };
    let code = Code::parse(asked).ok_or_else(|| {
        Failure::usage(format!("there is no error code `{asked}`"), "`velostream explain-error` lists them.")
    })?;
    output::document(global.output, &Page::from(code), text)?;
    Ok(Exit::Done)
}

fn text(page: &Page) -> String {
    let example = match &page.example {
        Some(example) => example.replace('\n', "\n  "),
        None => "None: no part of this version raises it.".to_owned(),
    };
    format!(
        "{}: {}\n\nWhy\n  {}\n\nWhat to do\n  {}\n\nFor example\n  {example}\n",
        page.code, page.title, page.cause, page.remedy
    )
}
