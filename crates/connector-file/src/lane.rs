//! The file sink as the driver sees it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use velostream_core::{
    Assignment, Chunk, Claim, Encoding, Epoch, Phase, Progress, Result, SinkLane, SourcePosition, SplitId,
};

use crate::disk::{Disk, SystemDisk};
use crate::layout::Layout;
use crate::writer::Writer;
use crate::{Error, SinkConfig, source};

type StartOf = dyn Fn(&SplitId) -> Result<SourcePosition> + Send + Sync;

/// Where a split starts that the sink has never seen.
///
/// Asked once per split in the life of an output directory: the answer is written into the manifest with the claim,
/// so that a start such as "latest" is never resolved twice.
#[derive(Clone)]
pub struct Start(Arc<StartOf>);

impl Start {
    /// Starts where `position` says; called on a thread that may block.
    pub fn new(position: impl Fn(&SplitId) -> Result<SourcePosition> + Send + Sync + 'static) -> Self {
        Self(Arc::new(position))
    }

    /// The beginning of each file: for jobs that read files.
    #[must_use]
    pub fn of_files() -> Self {
        Self::new(|split| {
            source::start_of(split).ok_or_else(|| {
                let why = format!("{split} is not a file and has no start position");
                Error::Misuse { call: "claim", why }.into()
            })
        })
    }

    pub(crate) fn position(&self, split: &SplitId) -> Result<SourcePosition, Error> {
        (self.0)(split).map_err(|source| Error::Passed { source })
    }
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Start")
    }
}

/// The exactly-once writer of one output directory: one lane per directory.
///
/// Data and progress become visible with one rename of the manifest. The lane holds the directory's lock from its
/// first claim until `reset`, [`close`](Self::close) or drop, each of which rolls back what is not committed.
///
/// All disk work runs on threads that may block. A call whose future is dropped runs to its end there; the lane is
/// then in doubt and refuses everything but `reset`, which waits for that end.
#[derive(Debug)]
pub struct FileLane {
    config: Arc<SinkConfig>,
    start: Start,
    disk: Arc<dyn Disk>,
    /// `None` until the first claim. Locked only by the one blocking call at a time.
    writer: Arc<Mutex<Option<Writer>>>,
    /// The call that runs; still here after its future was dropped, so that the next one waits for its end.
    running: Option<JoinHandle<()>>,
    /// A call was dropped, or its thread died.
    interrupted: bool,
}

impl FileLane {
    /// A lane that touches nothing until its first claim.
    ///
    /// # Errors
    /// [`Error::Setting`] -> `Reject` where the path cannot name files.
    pub fn new(config: SinkConfig, start: Start) -> Result<Self, Error> {
        Layout::new(&config.path)?;
        Ok(Self {
            config: Arc::new(config),
            start,
            disk: Arc::new(SystemDisk),
            writer: Arc::new(Mutex::new(None)),
            running: None,
            interrupted: false,
        })
    }

    /// Ends the lane cleanly: an open transaction is rolled back, the data files are brought in line with what is
    /// committed, and the lock is freed. Dropping does the same on the dropping thread, but cannot report.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Write`]: committed records are not touched, the next claim cleans up.
    pub async fn close(mut self) -> Result<(), Error> {
        self.settle().await;
        self.run("close", |slot| match slot.take() {
            Some(mut writer) => writer.close(),
            None => Ok(()),
        })
        .await
    }

    /// Epoch of the current claim; `None` without one, and while a dropped call still runs.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        self.writer.try_lock().ok()?.as_ref().map(Writer::epoch)
    }

    async fn run<T: Send + 'static>(
        &mut self,
        call: &'static str,
        work: impl FnOnce(&mut Option<Writer>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        if self.interrupted {
            return Err(Error::InDoubt { call });
        }
        // Stays so where this future is dropped at the await.
        self.interrupted = true;
        let (writer, (done, result)) = (Arc::clone(&self.writer), oneshot::channel());
        let running = self.running.insert(tokio::task::spawn_blocking(move || {
            // Nobody listens where the future was dropped.
            drop(done.send(work(&mut writer.lock().unwrap_or_else(PoisonError::into_inner))));
        }));
        let ended = running.await;
        self.running = None;
        ended.map_err(|source| Error::Task { call, source })?;
        self.interrupted = false;
        result.await.map_err(|_| Error::InDoubt { call })?
    }

    /// Waits for a call whose future was dropped, so that it cannot reach the writer of a later claim.
    async fn settle(&mut self) {
        if let Some(running) = &mut self.running {
            // A thread that died left its writer in doubt, and the caller drops that writer.
            drop(running.await);
            self.running = None;
        }
        self.interrupted = false;
    }

    async fn with_writer<T: Send + 'static>(
        &mut self,
        call: &'static str,
        work: impl FnOnce(&mut Writer) -> Result<T, Error> + Send + 'static,
    ) -> Result<T> {
        let result = self.run(call, move |slot| match slot {
            Some(writer) => work(writer),
            None => Err(Error::InDoubt { call }),
        });
        Ok(result.await?)
    }
}

fn owned(assignment: &Assignment, call: &'static str) -> Result<(), Error> {
    match assignment.phase {
        Phase::Owned | Phase::Rejoining => Ok(()),
        Phase::Lost => Err(Error::NotOwned { call }),
    }
}

#[async_trait]
impl SinkLane for FileLane {
    /// Never: lines are made of records.
    fn accepts(&self, _encoding: Encoding) -> bool {
        false
    }

    async fn claim(&mut self, assignment: &Arc<Assignment>, splits: &[SplitId]) -> Result<Vec<Claim>> {
        owned(assignment, "claim")?;
        let (disk, config) = (Arc::clone(&self.disk), Arc::clone(&self.config));
        let (start, splits) = (self.start.clone(), splits.to_vec());
        let claims = self.run("claim", move |slot| {
            let writer = match slot {
                Some(writer) => writer,
                none => none.insert(Writer::claim(disk, config)?),
            };
            writer.add(&splits, &start)
        });
        Ok(claims.await?)
    }

    async fn begin(&mut self, assignment: &Arc<Assignment>) -> Result<()> {
        owned(assignment, "begin")?;
        self.with_writer("begin", Writer::begin).await
    }

    async fn write(&mut self, chunk: Chunk) -> Result<()> {
        self.with_writer("write", |writer| writer.write(chunk)).await
    }

    async fn commit(&mut self, progress: &[Progress]) -> Result<()> {
        let progress = progress.to_vec();
        self.with_writer("commit", move |writer| writer.commit(&progress)).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.with_writer("abort", Writer::abort).await
    }

    async fn reset(&mut self) -> Result<()> {
        self.settle().await;
        // What cannot be cleaned now is cleaned by the next claim, which reports if it cannot either.
        let reset = self.run("reset", |slot| {
            *slot = None;
            Ok(())
        });
        Ok(reset.await?)
    }
}
