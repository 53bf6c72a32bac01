//! Lies about names.

use velostream_core::Member;

use super::LyingIds;
use crate::SharedLie;

impl LyingIds {
    pub(super) fn set(&self, set: &str) -> String {
        match self.lie {
            SharedLie::OneSetForAll => "all".to_owned(),
            _ => self.name(set),
        }
    }

    pub(super) fn renamed(&self, member: &Member) -> Member {
        let (set, name) = match self.lie {
            SharedLie::ASetForEach => {
                (format!("{}-{}", member.set(), member.name()), member.name().to_owned())
            }
            SharedLie::JoinsNames => {
                let joined = format!("{}.{}", member.set(), member.name());
                let (set, name) = joined.rsplit_once('.').unwrap_or((&joined, ""));
                (set.to_owned(), name.to_owned())
            }
            _ => (self.set(member.set()), self.name(member.name())),
        };
        // What these lies make of a name is one, too.
        Member::new(&set, &name).unwrap_or_else(|_| member.clone())
    }

    fn name(&self, name: &str) -> String {
        match self.lie {
            SharedLie::FoldsNames => name.replace(['.', '-'], "_"),
            SharedLie::CutsNames => name.chars().take(150).collect(),
            _ => name.to_owned(),
        }
    }
}
