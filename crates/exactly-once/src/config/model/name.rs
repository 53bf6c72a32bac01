//! Names of jobs and of their workers.

use serde::de::Deserializer;
use serde::{Deserialize, Serialize, Serializer};
use velostream_core::{InstanceName, JobName};

use crate::config::Problem;

/// Longest name of a job, in characters.
pub const MAX_JOB_NAME: usize = 48;

/// Longest name of a worker, in characters.
pub const MAX_INSTANCE_NAME: usize = 64;

pub(crate) fn serialize<S: Serializer>(name: &JobName, serializer: S) -> Result<S::Ok, S::Error> {
    name.as_str().serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<JobName, D::Error> {
    String::deserialize(deserializer).map(JobName::new)
}

/// `[a-z][a-z0-9_-]{0,47}`: it becomes part of topic names, group names and transactional ids.
pub(crate) fn is_job_name(name: &JobName, (): &()) -> garde::Result {
    let text = name.as_str();
    let fits = text.len() <= MAX_JOB_NAME
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
    if fits {
        return Ok(());
    }
    Err(garde::Error::new(format!(
        "not the name of a job\nwrite a lower-case letter, then letters, digits, `_` or `-`, at most {MAX_JOB_NAME} in all"
    )))
}

/// Checks the name of a worker, as `--instance` gives it: letters, digits, `.`, `_`, `-`, at most 64 of them,
/// starting with a letter or a digit, and none of the names that a job uses for itself.
///
/// # Errors
/// A [`Problem`] that says what a name may hold.
pub fn instance_name(text: &str) -> Result<InstanceName, Problem> {
    let fits = text.len() <= MAX_INSTANCE_NAME
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if !fits {
        return Err(Problem::new("not the name of an instance").with_remedy(format!(
            "write letters, digits, `.`, `_` or `-`, starting with a letter or digit, at most {MAX_INSTANCE_NAME}"
        )));
    }
    // `velostream.<job>.registrar` is a transactional id of the job itself.
    if text == "registrar" {
        return Err(
            Problem::new("`registrar` is a name that the job uses itself").with_remedy("choose another name")
        );
    }
    Ok(InstanceName::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_name_outside_the_grammar_is_refused() {
        let accepts = |text: &str| is_job_name(&JobName::new(text), &()).is_ok();
        assert!(accepts("a") && accepts("orders-dr_2") && accepts(&"a".repeat(48)));
        for bad in ["", "Orders", "1orders", "-a", "a.b", "a b", "a/b", "\u{e9}", &"a".repeat(49)] {
            assert!(!accepts(bad), "{bad}");
        }
    }

    #[test]
    fn instance_name_that_could_leave_its_directory_is_refused() {
        assert_eq!(instance_name("host-1.example_x").unwrap().as_str(), "host-1.example_x");
        for bad in ["", "..", ".x", "a/b", "a b", "registrar", &"a".repeat(65)] {
            assert!(instance_name(bad).is_err(), "{bad}");
        }
    }
}
