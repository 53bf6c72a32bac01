//! The state of a job as text, to move it into another store.
//!
//! One JSON document a line: a header, then each entry with its key and its value in hexadecimal digits, the root last.
//! Nothing counts before the root is there.

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};
use velostream_core::{
    Code, Disposition, Epoch, Error, InstanceName, Nonce, Outcome, Put, Result, RootWrite,
};
use velostream_ledger::{Claimant, StateStore as _, TaskId};

use super::{JobState, OPERATOR, PAGE};
use crate::config::JobFile;
use crate::run::state;

/// Version of the text.
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    velostream_state: u32,
    task: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    key: String,
    value: String,
}

/// What was written or read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Transfer {
    /// The task.
    pub task: String,
    /// Entries of the store.
    pub entries: usize,
    /// False for a dry run: nothing was changed.
    pub executed: bool,
}

impl JobState {
    /// Writes the task of this job.
    ///
    /// # Errors
    /// `Reject` where the job has no task, a worker changes it meanwhile ([`Code::StoreInUse`]: what was written is cut
    /// off), or `out` cannot be written; as the store.
    pub async fn export(&self, out: &mut (dyn Write + Send)) -> Result<Transfer> {
        self.refuse_shared("they cannot be exported with one job")?;
        let task = state::task(&self.job.job)?;
        let (mut entries, mut after) = (0, None::<String>);
        let root = format!("{task}/root");
        let Some(before) = self.backend.read(&[&root]).await?.into_iter().flatten().next() else {
            let what = format!("{task}: there is nothing to export");
            return Err(Error::new(Code::StateIo, Disposition::Reject, what));
        };
        line(out, &Header { velostream_state: FORMAT, task: task.to_string() })?;
        loop {
            let page = self.backend.list(&format!("{task}/o/"), after.as_deref(), PAGE).await?;
            let Some(last) = page.last().cloned() else { break };
            for key in page {
                entries += self.export_entry(out, key).await?;
            }
            after = Some(last);
        }
        // The root says which entries count: those above fit it only if it stood still.
        let after = self.backend.read(&[&root]).await?.into_iter().flatten().next();
        if after.map(|root| root.version) != Some(before.version) {
            let what = format!("{task}: a worker changed it while it was exported");
            return Err(Error::new(Code::StoreInUse, Disposition::Reject, what)
                .with_remedy("Stop the worker first: what was written is cut off and cannot be imported."));
        }
        entries += write_entry(out, root, &before.value)?;
        out.flush().map_err(unwritable)?;
        Ok(Transfer { task: task.to_string(), entries, executed: true })
    }

    async fn export_entry(&self, out: &mut (dyn Write + Send), key: String) -> Result<usize> {
        let found = self.backend.read(&[&key]).await?.into_iter().flatten().next();
        let Some(found) = found else { return Ok(0) };
        write_entry(out, key, &found.value)
    }

    /// Checks exported state against `job`, without a store.
    ///
    /// # Errors
    /// `Reject` where the text is not of this job or not whole.
    pub fn inspect(job: &JobFile, from: &mut dyn BufRead) -> Result<Transfer> {
        let task = state::task(&job.job)?;
        let entries = read(&task, from)?.len();
        Ok(Transfer { task: task.to_string(), entries, executed: false })
    }

    /// Reads the task of this job into a store that does not have it yet, and checks that all of it can be read.
    ///
    /// # Errors
    /// `Reject` where the text is not of this job or not whole, or the store has the task already; as the store.
    ///
    /// # Crash safety
    /// The root is written last: before it nothing counts, and the same call can be made again.
    pub async fn import(&self, from: &mut (dyn BufRead + Send)) -> Result<Transfer> {
        self.refuse_shared("they cannot be imported with one job")?;
        let task = state::task(&self.job.job)?;
        let entries = read(&task, from)?;
        if self.ledger.observe(&task).await?.is_some() {
            let what = format!("{task}: the store has it already");
            return Err(Error::new(Code::JobConflict, Disposition::Reject, what)
                .with_remedy("Import into an empty store: name another one in `state_store`."));
        }
        let transfer = Transfer { task: task.to_string(), entries: entries.len(), executed: true };
        self.write(&task, entries).await?;
        Ok(transfer)
    }

    async fn write(&self, task: &TaskId, mut entries: Vec<Put>) -> Result<()> {
        let Some(root) = entries.pop() else { return Err(damaged("there is no entry in it")) };
        // Puts need a root of their own; this one is garbage that the sweep below takes along.
        let key = format!("{task}/o/import");
        let mut expected = self.backend.read(&[&key]).await?.into_iter().flatten().next().map(|v| v.version);
        for (page, puts) in (0_u64..).zip(entries.chunks(self.backend.guarantees().max_puts.clamp(1, PAGE))) {
            let value = page.to_be_bytes().to_vec().into();
            expected = Some(self.put(puts, RootWrite { key: key.clone(), expected, value }).await?);
        }
        self.put(&[], RootWrite { key: root.key, expected: None, value: root.value }).await?;
        let claimant =
            Claimant { owner: InstanceName::new(OPERATOR), nonce: Nonce(rand::random()), at_least: Epoch(0) };
        let claimed = self.ledger.claim(task, &claimant).await?;
        self.ledger.record_status(&claimed.ownership, &[]).await?;
        self.ledger.sweep(&claimed.ownership).await?;
        self.ledger.release(&claimed.ownership).await
    }

    async fn put(&self, puts: &[Put], root: RootWrite) -> Result<velostream_core::RootVersion> {
        match self.backend.commit(puts, root).await? {
            Outcome::Applied(version) => Ok(version),
            Outcome::Conflict(_) => {
                let what = "somebody else writes into the store";
                Err(Error::new(Code::StoreFenced, Disposition::Reject, what))
            }
        }
    }
}

fn read(task: &TaskId, from: &mut dyn BufRead) -> Result<Vec<Put>> {
    let mut header = String::new();
    from.read_line(&mut header).map_err(unreadable)?;
    let header: Header = serde_json::from_str(&header).map_err(|_| damaged("its first line is no header"))?;
    if header.velostream_state != FORMAT {
        return Err(damaged("it is of another version"));
    }
    if header.task != task.as_str() {
        return Err(damaged(&format!("it is the state of {}, not of {task}", header.task)));
    }
    let mut puts = Vec::new();
    for line in from.lines() {
        let entry: Entry =
            serde_json::from_str(&line.map_err(unreadable)?).map_err(|_| damaged("a line is no entry"))?;
        if !entry.key.starts_with(&format!("{task}/")) {
            return Err(damaged("an entry belongs to another task"));
        }
        let value = unhex(&entry.value).ok_or_else(|| damaged("a value is not in hexadecimal digits"))?;
        puts.push(Put { key: entry.key, value: value.into() });
    }
    match puts.last() {
        Some(last) if last.key == format!("{task}/root") => Ok(puts),
        _ => Err(damaged("it is cut off: the root is missing")),
    }
}

fn write_entry(out: &mut (dyn Write + Send), key: String, value: &[u8]) -> Result<usize> {
    let value = value.iter().map(|byte| format!("{byte:02x}")).collect();
    line(out, &Entry { key, value })?;
    Ok(1)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    rest.is_empty().then(|| bytes.collect())?
}

fn line<T: Serialize>(out: &mut (dyn Write + Send), value: &T) -> Result<()> {
    let text = serde_json::to_string(value).map_err(|e| unwritable(e.into()))?;
    writeln!(out, "{text}").map_err(unwritable)
}

fn damaged(why: &str) -> Error {
    Error::new(Code::StateCorrupt, Disposition::Reject, format!("the exported state cannot be used: {why}"))
}

fn unwritable(source: std::io::Error) -> Error {
    Error::new(Code::FileIo, Disposition::Reject, "the state cannot be written").with_source(source)
}

fn unreadable(source: std::io::Error) -> Error {
    Error::new(Code::FileIo, Disposition::Reject, "the exported state cannot be read").with_source(source)
}
