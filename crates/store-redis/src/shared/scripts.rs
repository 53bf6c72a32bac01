//! The scripts of a set, as commands.

use bytes::Bytes;
use redis::{Cmd, Script};
use velostream_core::{Epoch, Member, Nonce, Settlement, SharedId, Turn};

use crate::key;
use crate::script::{By, begin};

/// After how many ids a call of `expire` ends: some milliseconds in which the server serves nobody else.
const PORTION: u32 = 10_000;

/// Times are compared as doubles, which hold whole numbers exactly up to here: 285,000 years.
pub(crate) const MAX_MS: i64 = (1 << 53) - 1;

/// What a set is kept in, in the order of `set.lua`.
const PARTS: [&str; 7] = ["turns", "settled", "promised", "ids", "batches", "times", "holds"];

/// A script with what stands in front of all of them.
#[derive(Debug)]
struct Text {
    script: Script,
    text: String,
}

impl Text {
    fn new(own: &str) -> Self {
        let text = format!("{}{own}", include_str!("set.lua"));
        Self { script: Script::new(&text), text }
    }

    fn of_set(&self, by: By, prefix: &str, set: &str) -> Cmd {
        let mut command = begin(by, &self.script, &self.text, PARTS.len());
        for part in PARTS {
            command.arg(key::of_set(prefix, set, part));
        }
        command
    }

    fn of_member(&self, by: By, prefix: &str, member: &Member) -> Cmd {
        let mut command = self.of_set(by, prefix, member.set());
        command.arg(member.name());
        command
    }
}

/// The scripts with their hashes.
#[derive(Debug)]
pub(crate) struct SetScripts {
    member: Text,
    enter: Text,
    take: Text,
    promise: Text,
    settle: Text,
    leave: Text,
    expire: Text,
}

impl SetScripts {
    pub(crate) fn new() -> Self {
        Self {
            member: Text::new(include_str!("member.lua")),
            enter: Text::new(include_str!("enter.lua")),
            take: Text::new(include_str!("take.lua")),
            promise: Text::new(include_str!("promise.lua")),
            settle: Text::new(include_str!("settle.lua")),
            leave: Text::new(include_str!("leave.lua")),
            expire: Text::new(include_str!("expire.lua")),
        }
    }

    pub(crate) fn member(&self, by: By, prefix: &str, member: &Member) -> Cmd {
        self.member.of_member(by, prefix, member)
    }

    pub(crate) fn enter(&self, by: By, prefix: &str, member: &Member, epoch: Epoch, nonce: Nonce) -> Cmd {
        let mut command = self.enter.of_member(by, prefix, member);
        command.arg(digits(epoch.0)).arg(digits(nonce.0));
        command
    }

    pub(crate) fn take(
        &self,
        by: By,
        prefix: &str,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Cmd {
        let mut command = self.take.of_member(by, prefix, member);
        command.arg(written(turn)).arg(bound(expired_ms)).arg(ids.as_flattened());
        command
    }

    pub(crate) fn promise(&self, by: By, prefix: &str, member: &Member, turn: Turn, note: &Bytes) -> Cmd {
        let mut command = self.promise.of_member(by, prefix, member);
        command.arg(written(turn)).arg(&note[..]);
        command
    }

    pub(crate) fn settle(
        &self,
        by: By,
        prefix: &str,
        member: &Member,
        turn: Turn,
        settlement: &Settlement,
    ) -> Cmd {
        let mut command = self.settle.of_member(by, prefix, member);
        command.arg(written(turn)).arg(written(turn.next()));
        if let Settlement::Delivered { at_ms, note } = settlement {
            command.arg(*at_ms).arg(&note[..]);
        }
        command
    }

    pub(crate) fn leave(&self, by: By, prefix: &str, member: &Member) -> Cmd {
        self.leave.of_member(by, prefix, member)
    }

    /// Ends with the batch with which it has looked at [`PORTION`] ids.
    pub(crate) fn expire(&self, by: By, prefix: &str, set: &str, until_ms: i64) -> Cmd {
        let mut command = self.expire.of_set(by, prefix, set);
        command.arg(bound(until_ms)).arg(PORTION);
        command
    }
}

/// A turn as it is kept: epoch, nonce and number in 20 digits each. Scripts compare it as text: their numbers are doubles.
pub(crate) fn written(turn: Turn) -> String {
    [turn.epoch.0, turn.nonce.0, turn.number].map(digits).concat()
}

fn digits(number: u64) -> String {
    format!("{number:020}")
}

/// A bound for times that all lie within [`MAX_MS`].
fn bound(ms: i64) -> i64 {
    ms.clamp(-MAX_MS - 1, MAX_MS + 1)
}
