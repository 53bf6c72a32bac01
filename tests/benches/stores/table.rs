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

/// Two tables: time and calls by the size of a batch, bytes in the server.
pub(crate) fn render(rows: &[(String, Vec<Figures>, Sizes)]) -> String {
    let mut text = String::from(
        "| store | ids of a batch | begin ms | commit ms | commit + next begin ms | calls of it | look-up ms | \
         ids read again by a new owner | ms | one key per id: mark ms | look-up ms |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (name, figures, _) in rows {
        for Figures { ids, packed, naive } in figures {
            let calls = match packed.requests {
                None => format!("{:.2}", packed.calls),
                Some(requests) => format!("{:.2} ({requests:.2} requests)", packed.calls),
            };
            text += &format!(
                "| {name} | {ids} | {} | {} | {} | {calls} | {} | {} | {} | {} | {} |\n",
                ms(packed.begin),
                ms(packed.commit),
                ms(packed.steady),
                ms(packed.lookup),
                packed.stored,
                ms(packed.reload),
                ms(naive.mark),
                ms(naive.check),
            );
        }
    }
    text += "\n| store | bytes in the server per id | one key per id | x fewer |\n|---|---|---|---|\n";
    for (name, _, sizes) in rows {
        let ratio = sizes.naive.zip(sizes.packed).map(|(naive, packed)| naive / packed);
        text +=
            &format!("| {name} | {} | {} | {} |\n", bytes(sizes.packed), bytes(sizes.naive), bytes(ratio));
    }
    text
}
