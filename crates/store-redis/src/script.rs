//! The two scripts that write, as commands.

use redis::{Cmd, Script};
use velostream_core::{Put, RootWrite};
use velostream_envelope::entry;

use crate::key;

/// How a script is named to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// By its hash: the server has it, but for a restart.
    Hash,
    /// In full, which also makes the server keep it.
    Text,
}

const COMMIT: &str = include_str!("commit.lua");
const DELETE: &str = include_str!("delete.lua");

/// The scripts with their hashes.
#[derive(Debug)]
pub(crate) struct Scripts {
    commit: Script,
    delete: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self { commit: Script::new(COMMIT), delete: Script::new(DELETE) }
    }

    /// The compare-and-set with its puts.
    pub(crate) fn commit(&self, by: By, prefix: &str, puts: &[Put], root: &RootWrite) -> Cmd {
        let mut command = begin(by, &self.commit, COMMIT, puts.len().saturating_add(2));
        command.arg(key::name(prefix, &root.key)).arg(key::index(prefix, key::tag(&root.key)));
        for put in puts {
            command.arg(key::name(prefix, &put.key));
        }
        match root.expected {
            Some(version) => command.arg(&version.0.to_be_bytes()[..]),
            None => command.arg(""),
        };
        let version = entry::next_version(root.expected, &root.value);
        command.arg(entry::encode(&root.key, version, &root.value)).arg(&root.key);
        for put in puts {
            let version = entry::next_version(None, &put.value);
            command.arg(entry::encode(&put.key, version, &put.value)).arg(&put.key);
        }
        command
    }

    /// The removal of keys of one task.
    pub(crate) fn delete(&self, by: By, prefix: &str, tag: &str, keys: &[&str]) -> Cmd {
        let mut command = begin(by, &self.delete, DELETE, keys.len().saturating_add(1));
        command.arg(key::index(prefix, tag));
        for key in keys {
            command.arg(key::name(prefix, key));
        }
        command.arg(keys);
        command
    }
}

/// A script's name or text, and how many keys follow.
pub(crate) fn begin(by: By, script: &Script, text: &str, keys: usize) -> Cmd {
    let mut command = Cmd::new();
    match by {
        By::Hash => command.arg("EVALSHA").arg(script.get_hash()),
        By::Text => command.arg("EVAL").arg(text),
    };
    command.arg(keys);
    command
}
