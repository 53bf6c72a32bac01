//! "Did you mean": the nearest of the names that are known.

/// Names the nearest known name, or lists what is known.
pub(crate) fn suggestion(written: &str, known: &[&str]) -> String {
    let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match nearest(written, known) {
        Some(name) => format!("did you mean `{name}`? Known here: {list}"),
        None if known.is_empty() => "nothing is known here".to_owned(),
        None => format!("known here: {list}"),
    }
}

/// The known name with the fewest typing errors, if a third of the letters are right at least twice over.
fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let simple = |text: &str| text.to_ascii_lowercase().replace(['-', ' ', '.'], "_");
    let written = simple(written);
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&written, &simple(name)), *name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_name_is_suggested_and_far_name_is_not() {
        let known = ["topics", "start", "bootstrap_servers"];
        assert_eq!(nearest("topcis", &known), Some("topics"));
        assert_eq!(nearest("bootstrap.servers", &known), Some("bootstrap_servers"));
        assert_eq!(nearest("bootstrapServers", &known), Some("bootstrap_servers"));
        assert_eq!(nearest("partition", &known), None);
        assert_eq!(suggestion("x", &[]), "nothing is known here");
    }
}
