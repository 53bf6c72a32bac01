//! The figures as Markdown.

use std::time::Duration;

use crate::subject::{Figures, Sizes};

fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 1.0 { format!("{ms:.2}") } else { format!("{ms:.1}") }
}

fn bytes(each: Option<f64>) -> String {
    each.map_or_else(|| "-".to_owned(), |each| format!("{each:.1}"))
}

/// Three tables: time and calls by the size of a batch, the same with one key per id, bytes in the server.
pub(crate) fn render(rows: &[(String, Vec<Figures>, Sizes)]) -> String {
    let all = || rows.iter().flat_map(|(name, figures, _)| figures.iter().map(move |one| (name, one)));
    let mut text = String::from(
        "| store | ids of a batch | begin ms | commit ms | begin + commit ms | commit + next begin ms | calls of it | \
         look-up ms | ids read again by a new owner | ms |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (name, Figures { ids, packed, .. }) in all() {
        let calls = match packed.requests {
            None => format!("{:.2}", packed.calls),
            Some(requests) => format!("{:.2} ({requests:.2} requests)", packed.calls),
        };
        text += &format!(
            "| {name} | {ids} | {} | {} | {} | {} | {calls} | {} | {} | {} |\n",
            ms(packed.begin),
            ms(packed.commit),
            ms(packed.both),
            ms(packed.steady),
            ms(packed.lookup),
            packed.stored,
            ms(packed.reload),
        );
    }
    text += "\n| store | ids of a batch | begin + commit ms | one key per id: mark ms | per whole id | look-up ms | one \
             key per id: look-up ms | per whole id |\n|---|---|---|---|---|---|---|---|\n";
    for (name, Figures { ids, packed, short, whole }) in all() {
        text += &format!(
            "| {name} | {ids} | {} | {} | {} | {} | {} | {} |\n",
            ms(packed.both),
            ms(short.mark),
            ms(whole.mark),
            ms(packed.lookup),
            ms(short.check),
            ms(whole.check),
        );
    }
    text += "\n| store | bytes in the server per id | one key per id | x fewer | one key per whole id | x fewer |\n\
             |---|---|---|---|---|---|\n";
    for (name, _, Sizes { packed, short, whole }) in rows {
        let fewer = |naive: &Option<f64>| bytes(naive.zip(*packed).map(|(naive, packed)| naive / packed));
        text += &format!(
            "| {name} | {} | {} | {} | {} | {} |\n",
            bytes(*packed),
            bytes(*short),
            fewer(short),
            bytes(*whole),
            fewer(whole)
        );
    }
    text
}
