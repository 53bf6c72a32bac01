//! A change that waits for the writer, then for the fate of the group that it was made in.

use std::fmt::{self, Debug};

use redb::WriteTransaction;
use tokio::sync::oneshot;

use crate::Error;
use crate::database::File;

/// What a change answers, and whether it wrote anything.
pub(crate) type Done<T> = Result<(T, bool), Error>;

/// A change that knows what it does and who waits for it.
pub(crate) trait Change: Debug + Send {
    /// About how much it writes.
    fn bytes(&self) -> usize;
    /// Does it inside the transaction and keeps the answer; true where it wrote anything. Behind an error
    /// [of its own](is_its_own) nothing of it was written; behind any other something may be.
    fn apply(&mut self, file: &File, transaction: &WriteTransaction) -> Result<bool, Error>;
    /// Sends the answer.
    fn give(self: Box<Self>);
    /// Sends an error instead.
    fn fail(self: Box<Self>, error: Error);
}

/// True for what is only wrong with the change, found before anything was written; anything else is wrong with the file.
pub(crate) const fn is_its_own(error: &Error) -> bool {
    matches!(error, Error::CorruptValue { .. } | Error::NotAdmitted(_))
}

/// A change of about so many bytes, and where its answer will come.
pub(crate) fn pending<T, F>(bytes: usize, change: F) -> (Box<dyn Change>, oneshot::Receiver<Result<T, Error>>)
where
    F: FnOnce(&File, &WriteTransaction) -> Done<T> + Send + 'static,
    T: Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Pending { bytes, change: Some(change), answer: None, reply }), answer)
}

/// A change as a function of the open transaction.
struct Pending<F, T> {
    bytes: usize,
    change: Option<F>,
    answer: Option<T>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<F, T> Debug for Pending<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl<F, T> Change for Pending<F, T>
where
    F: FnOnce(&File, &WriteTransaction) -> Done<T> + Send,
    T: Send,
{
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn apply(&mut self, file: &File, transaction: &WriteTransaction) -> Result<bool, Error> {
        let Some(change) = self.change.take() else { return Ok(false) };
        let (answer, wrote) = change(file, transaction)?;
        self.answer = Some(answer);
        Ok(wrote)
    }

    fn give(self: Box<Self>) {
        if let Some(answer) = self.answer {
            drop(self.reply.send(Ok(answer)));
        }
    }

    fn fail(self: Box<Self>, error: Error) {
        drop(self.reply.send(Err(error)));
    }
}
