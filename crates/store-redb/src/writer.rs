//! The one thread that writes: takes what waits, decides it in order, syncs once.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use redb::{Durability, WriteTransaction};
use tokio::sync::oneshot;

use crate::database::{File, needs_reopening};
use crate::pending::{Change, is_its_own};
use crate::{Config, Error};

/// Most calls that share a sync, and the bytes after which a group is closed: bounds the memory of one transaction.
const GROUP_CALLS: usize = 256;
const GROUP_BYTES: usize = 16 * 1024 * 1024;

/// A call that waits for the writer.
#[derive(Debug)]
pub(crate) enum Call {
    /// A change of the file.
    Change(Box<dyn Change>),
    /// Answers as soon as the writer comes to it.
    Ping { reply: oneshot::Sender<()> },
    /// Closes the file and ends the thread; what was called before is still done.
    Close,
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

/// What waits, up to the bounds of a group, and whether the file is to be closed behind it; answers pings on the way.
fn gather(first: Call, waiting: &Receiver<Call>) -> (Vec<Box<dyn Change>>, bool) {
    let mut group = Vec::new();
    let mut bytes = 0usize;
    let mut next = Some(first);
    while let Some(call) = next {
        match call {
            Call::Close => return (group, true),
            Call::Ping { reply } => drop(reply.send(())),
            Call::Change(change) => {
                bytes = bytes.saturating_add(change.bytes());
                group.push(change);
            }
        }
        let full = group.len() >= GROUP_CALLS || bytes >= GROUP_BYTES;
        next = if full { None } else { waiting.try_recv().ok() };
    }
    (group, false)
}

/// Serves a group; true where the file has to be opened again before the next.
fn serve(file: &File, group: Vec<Box<dyn Change>>, broken: bool) -> bool {
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
fn transact(file: &File, group: Vec<Box<dyn Change>>) -> Result<(), Error> {
    let begun = file.database().and_then(|database| begin(file, &database));
    let transaction = match begun {
        Ok(transaction) => transaction,
        Err(error) => return Err(refuse(group, file, error)),
    };
    let mut done = Vec::with_capacity(group.len());
    let mut changed = false;
    let mut group = group.into_iter();
    while let Some(mut change) = group.next() {
        match change.apply(file, &transaction) {
            Ok(wrote) => {
                changed |= wrote;
                done.push(change);
            }
            Err(error) if is_its_own(&error) => change.fail(error),
            Err(error) => {
                // The transaction is dropped and with it everything that the group has written so far.
                drop(transaction.abort());
                return Err(refuse(done.into_iter().chain([change]).chain(group), file, error));
            }
        }
    }
    let ended = match changed {
        true => transaction.commit().map_err(redb::Error::from),
        false => transaction.abort().map_err(redb::Error::from),
    };
    match ended {
        Ok(()) => {
            done.into_iter().for_each(Change::give);
            Ok(())
        }
        Err(source) => Err(refuse(done, file, Error::Commit { path: file.path(), source: Box::new(source) })),
    }
}

fn begin(file: &File, database: &redb::Database) -> Result<WriteTransaction, Error> {
    let mut transaction = database.begin_write().map_err(file.failed("begin"))?;
    transaction.set_durability(Durability::Immediate).map_err(file.failed("begin"))?;
    transaction.set_quick_repair(file.config.quick_repair);
    Ok(transaction)
}

/// Answers changes with the error of their group, which it gives back.
fn refuse(group: impl IntoIterator<Item = Box<dyn Change>>, file: &File, error: Error) -> Error {
    for change in group {
        change.fail(again(file, &error));
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
