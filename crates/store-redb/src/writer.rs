//! The one thread that writes: takes what waits, decides it in order, syncs once.

use std::fmt::Debug;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use redb::{Durability, Table, WriteTransaction};
use tokio::sync::oneshot;
use velostream_core::{NotAdmitted, Outcome, Put, RootWrite};
use velostream_envelope::entry::{encode, next_version};

use crate::database::{ENTRIES, File, needs_reopening};
use crate::{Config, Error};

/// Most calls that share a sync, and the bytes after which a group is closed: bounds the memory of one transaction.
const GROUP_CALLS: usize = 256;
const GROUP_BYTES: usize = 16 * 1024 * 1024;

/// A call that waits for the writer.
#[derive(Debug)]
pub(crate) enum Call {
    /// [`ConditionalStore::commit`](velostream_core::ConditionalStore::commit).
    Commit { puts: Vec<Put>, root: RootWrite, reply: oneshot::Sender<Result<Outcome, Error>> },
    /// [`ConditionalStore::delete`](velostream_core::ConditionalStore::delete).
    Delete { keys: Vec<String>, reply: oneshot::Sender<Result<(), Error>> },
    /// One of [`SharedIds`](velostream_core::SharedIds).
    Shared(Box<dyn Change>),
    /// Answers as soon as the writer comes to it.
    Ping { reply: oneshot::Sender<()> },
    /// Closes the file and ends the thread; what was called before is still done.
    Close,
}

/// A call that knows what it does and who waits for it.
pub(crate) trait Change: Debug + Send {
    /// About how much it writes.
    fn bytes(&self) -> usize;
    /// Does it inside the transaction and keeps the answer; true where it wrote anything. Behind a value that is corrupt
    /// nothing of it was written; behind any other error something may be.
    fn apply(&mut self, file: &File, transaction: &WriteTransaction) -> Result<bool, Error>;
    /// Sends the answer.
    fn give(self: Box<Self>);
    /// Sends an error instead.
    fn fail(self: Box<Self>, error: Error);
}

/// The thread's handle.
#[derive(Debug)]
pub(crate) struct Writer {
    calls: Sender<Call>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(file: Arc<File>) -> Result<Self, Error> {
        let (calls, waiting) = channel();
        let path = file.path();
        let thread = std::thread::Builder::new()
            .name("store-redb".into())
            .spawn(move || work(&file, &waiting))
            .map_err(|source| Error::Io { path, source })?;
        Ok(Self { calls, thread: Mutex::new(Some(thread)) })
    }

    /// Hands a call over; false where the thread has ended.
    pub(crate) fn call(&self, call: Call) -> bool {
        self.calls.send(call).is_ok()
    }

    /// Waits until everything that was called is done and the file is closed.
    pub(crate) fn close(&self) {
        self.call(Call::Close);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A writer that panicked has told its callers by dropping their replies.
            drop(thread.join());
        }
    }
}

/// An answer that is sent once the group's fate is known.
enum Answer {
    Commit(oneshot::Sender<Result<Outcome, Error>>, Outcome),
    Delete(oneshot::Sender<Result<(), Error>>),
    Shared(Box<dyn Change>),
}

fn work(file: &File, waiting: &Receiver<Call>) {
    let mut broken = false;
    while let Ok(first) = waiting.recv() {
        let (group, close) = gather(first, waiting);
        if !group.is_empty() {
            broken = serve(file, group, broken);
        }
        if close {
            break;
        }
    }
    file.close();
}

/// What waits, up to the bounds of a group; answers pings on the way.
fn gather(first: Call, waiting: &Receiver<Call>) -> (Vec<Call>, bool) {
    let mut group = Vec::new();
    let mut bytes = 0usize;
    let mut next = Some(first);
    while let Some(call) = next {
        match call {
            Call::Close => return (group, true),
            Call::Ping { reply } => drop(reply.send(())),
            Call::Commit { ref puts, ref root, .. } => {
                let values = puts.iter().map(|put| put.value.len()).sum::<usize>();
                bytes = bytes.saturating_add(values).saturating_add(root.value.len());
                group.push(call);
            }
            Call::Shared(ref change) => {
                bytes = bytes.saturating_add(change.bytes());
                group.push(call);
            }
            Call::Delete { .. } => group.push(call),
        }
        let full = group.len() >= GROUP_CALLS || bytes >= GROUP_BYTES;
        next = if full { None } else { waiting.try_recv().ok() };
    }
    (group, false)
}

/// Serves a group; true where the file has to be opened again before the next.
fn serve(file: &File, group: Vec<Call>, broken: bool) -> bool {
    if broken && let Err(error) = file.reopen() {
        refuse(group, file, error);
        return true;
    }
    match transact(file, group) {
        Ok(()) => false,
        Err(error) => needs_reopening(&error),
    }
}

/// One transaction for the group. The error is for the thread; every caller has been answered.
fn transact(file: &File, group: Vec<Call>) -> Result<(), Error> {
    let begun = file.database().and_then(|database| begin(file, &database));
    let transaction = match begun {
        Ok(transaction) => transaction,
        Err(error) => return Err(refuse(group, file, error)),
    };
    let mut answers = Vec::with_capacity(group.len());
    let mut group = group.into_iter();
    let mut failed = None;
    let mut changed = false;
    match transaction.open_table(ENTRIES).map_err(file.failed("open table")) {
        Err(error) => failed = Some(error),
        Ok(mut table) => {
            for call in group.by_ref() {
                match apply(file, &transaction, &mut table, call, &mut answers) {
                    Ok(wrote) => changed |= wrote,
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
        }
    }
    if let Some(error) = failed {
        // The transaction is dropped and with it everything that the group has written so far.
        drop(transaction.abort());
        let error = refuse(group, file, error);
        for answer in answers {
            answer.fail(again(file, &error));
        }
        return Err(error);
    }
    let ended = match changed {
        true => transaction.commit().map_err(redb::Error::from),
        false => transaction.abort().map_err(redb::Error::from),
    };
    match ended {
        Ok(()) => answers.into_iter().for_each(Answer::give),
        Err(source) => {
            let error = Error::Commit { path: file.path(), source: Box::new(source) };
            for answer in answers {
                answer.fail(again(file, &error));
            }
            return Err(error);
        }
    }
    Ok(())
}

fn begin(file: &File, database: &redb::Database) -> Result<WriteTransaction, Error> {
    let mut transaction = database.begin_write().map_err(file.failed("begin"))?;
    transaction.set_durability(Durability::Immediate).map_err(file.failed("begin"))?;
    transaction.set_quick_repair(file.config.quick_repair);
    Ok(transaction)
}

/// Decides one call inside the transaction. An error is one of the file and ends the group; what is only wrong with
/// the call is answered at once, before anything of it is written.
fn apply(
    file: &File,
    transaction: &WriteTransaction,
    table: &mut Table<'_, &'static str, &'static [u8]>,
    call: Call,
    answers: &mut Vec<Answer>,
) -> Result<bool, Error> {
    match call {
        Call::Commit { puts, root, reply } => match decide(file, table, &puts, &root) {
            Ok((outcome, wrote)) => {
                answers.push(Answer::Commit(reply, outcome));
                Ok(wrote)
            }
            Err(error) if needs_reopening(&error) => {
                drop(reply.send(Err(again(file, &error))));
                Err(error)
            }
            Err(error) => {
                drop(reply.send(Err(error)));
                Ok(false)
            }
        },
        Call::Delete { keys, reply } => {
            let removed = keys.iter().try_for_each(|key| table.remove(key.as_str()).map(|_| ()));
            match removed.map_err(file.failed("delete")) {
                Ok(()) => answers.push(Answer::Delete(reply)),
                Err(error) => {
                    drop(reply.send(Err(again(file, &error))));
                    return Err(error);
                }
            }
            Ok(!keys.is_empty())
        }
        Call::Shared(mut change) => match change.apply(file, transaction) {
            Ok(wrote) => {
                answers.push(Answer::Shared(change));
                Ok(wrote)
            }
            // Found before anything was written.
            Err(error @ Error::CorruptValue { .. }) => {
                change.fail(error);
                Ok(false)
            }
            Err(error) => {
                change.fail(again(file, &error));
                Err(error)
            }
        },
        Call::Ping { .. } | Call::Close => Ok(false),
    }
}

/// The outcome, and whether anything was written.
fn decide(
    file: &File,
    table: &mut Table<'_, &'static str, &'static [u8]>,
    puts: &[Put],
    root: &RootWrite,
) -> Result<(Outcome, bool), Error> {
    let current = file.entry(table, &root.key)?;
    let standing = current.as_ref().map(|current| current.version);
    if standing != root.expected {
        return Ok((Outcome::unexpected(current, root), false));
    }
    let mut fresh = Vec::with_capacity(puts.len());
    for put in puts {
        match file.entry(table, &put.key)? {
            None => fresh.push(put),
            Some(held) if held.value == put.value => {}
            Some(_) => return Err(NotAdmitted::Rewritten { key: put.key.clone() }.into()),
        }
    }
    for put in fresh {
        write(file, table, &put.key, next_version(None, &put.value), &put.value)?;
    }
    let version = next_version(standing, &root.value);
    write(file, table, &root.key, version, &root.value)?;
    Ok((Outcome::Applied(version), true))
}

fn write(
    file: &File,
    table: &mut Table<'_, &'static str, &'static [u8]>,
    key: &str,
    version: velostream_core::RootVersion,
    value: &[u8],
) -> Result<(), Error> {
    table.insert(key, encode(key, version, value).as_slice()).map_err(file.failed("write"))?;
    Ok(())
}

/// Answers calls that were not begun; nothing of them is applied. Gives the error back.
fn refuse(group: impl IntoIterator<Item = Call>, file: &File, error: Error) -> Error {
    for call in group {
        match call {
            Call::Commit { reply, .. } => drop(reply.send(Err(again(file, &error)))),
            Call::Delete { reply, .. } => drop(reply.send(Err(again(file, &error)))),
            Call::Shared(change) => change.fail(again(file, &error)),
            Call::Ping { .. } | Call::Close => {}
        }
    }
    error
}

/// The same error for one more caller. redb's errors cannot be cloned; its text goes on as an I/O error.
fn again(file: &File, error: &Error) -> Error {
    let path = file.path();
    let copy = |source: &redb::Error| {
        let kind = match source {
            redb::Error::Io(error) => error.kind(),
            _ => std::io::ErrorKind::Other,
        };
        Box::new(redb::Error::Io(std::io::Error::new(kind, source.to_string())))
    };
    match error {
        Error::Storage { doing, source, .. } => Error::Storage { path, doing, source: copy(source) },
        Error::Commit { source, .. } => Error::Commit { path, source: copy(source) },
        Error::InUse { .. } => Error::InUse { path },
        Error::Corrupt { why, .. } => Error::Corrupt { path, why: why.clone() },
        Error::NewerVersion { found, supported, .. } => {
            Error::NewerVersion { path, found: found.clone(), supported: *supported }
        }
        Error::Io { source, .. } => {
            Error::Io { path, source: std::io::Error::new(source.kind(), source.to_string()) }
        }
        _ => Error::Closed { path },
    }
}

impl Answer {
    fn give(self) {
        match self {
            Self::Commit(reply, outcome) => drop(reply.send(Ok(outcome))),
            Self::Delete(reply) => drop(reply.send(Ok(()))),
            Self::Shared(change) => change.give(),
        }
    }

    fn fail(self, error: Error) {
        match self {
            Self::Commit(reply, _) => drop(reply.send(Err(error))),
            Self::Delete(reply) => drop(reply.send(Err(error))),
            Self::Shared(change) => change.fail(error),
        }
    }
}

/// Opens the file on a thread of its own and starts the writer: the check reads the whole file, and a damaged one may
/// make redb panic, which must not take the caller along.
pub(crate) fn open(config: Config) -> Result<(Arc<File>, Writer), Error> {
    let path = config.path.clone();
    let opener = std::thread::Builder::new().name("store-redb-open".into()).spawn(move || File::open(config));
    let opened = opener.map_err(|source| Error::Io { path: path.clone(), source })?.join();
    let why = || "redb cannot read it".to_owned();
    let file = Arc::new(opened.unwrap_or_else(|_| Err(Error::Corrupt { path, why: why() }))?);
    let writer = Writer::start(Arc::clone(&file))?;
    Ok((file, writer))
}
