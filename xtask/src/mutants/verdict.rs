//! What became of a deliberate defect, and the page that says so.

use super::layer::Layer;
use super::list::Mutant;

/// What became of one deliberate defect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A test failed.
    Killed { layer: Layer, test: String },
    /// Everything passed.
    Alive,
    /// Only a suite on real servers can tell, and none was run.
    NotJudged,
}

impl Verdict {
    fn text(&self, mutant: &Mutant) -> String {
        match self {
            Self::Killed { layer, test } => format!("{}: `{test}`", layer.as_str()),
            Self::Alive => "**nothing**".to_owned(),
            Self::NotJudged => {
                let (suite, test) = mutant.on_servers.unwrap_or_default();
                format!("not run; servers: `{suite} {test}`")
            }
        }
    }
}

/// The table as Markdown.
pub(crate) fn table(verdicts: &[(Mutant, Verdict)]) -> String {
    let mut text =
        "| mutant | breaks | what the code does wrong | killed by |\n|---|---|---|---|\n".to_owned();
    for (mutant, verdict) in verdicts {
        let Mutant { name, rule, broken, .. } = mutant;
        text += &format!("| {name} | {rule} | {broken} | {} |\n", verdict.text(mutant));
    }
    text
}

/// The line behind the table.
pub(crate) fn summary(verdicts: &[(Mutant, Verdict)]) -> String {
    let count = |wanted: fn(&Verdict) -> bool| verdicts.iter().filter(|(_, v)| wanted(v)).count();
    let killed = count(|v| matches!(v, Verdict::Killed { .. }));
    let (alive, open) = (count(|v| *v == Verdict::Alive), count(|v| *v == Verdict::NotJudged));
    format!("{} mutants: {killed} killed, {alive} alive, {open} not judged", verdicts.len())
}
