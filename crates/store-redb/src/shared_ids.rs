//! Sets of ids that several jobs take from, each call by the thread that writes.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use redb::WriteTransaction;
use tokio::sync::oneshot;
use velostream_core::{
    Epoch, Expired, InTurn, Member, MemberState, Nonce, NotAdmitted, Result, Settlement, SharedId, SharedIds,
    Taking, Turn,
};

use crate::database::File;
use crate::sets::{Done, Sets};
use crate::store::MAX_VALUE_BYTES;
use crate::writer::{Call, Change};
use crate::{Error, RedbStore};

/// A call that waits for the writer, then for the group's fate.
struct Pending<F, T> {
    change: Option<F>,
    answer: Option<T>,
    bytes: usize,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<F, T> fmt::Debug for Pending<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl<F, T> Change for Pending<F, T>
where
    F: FnOnce(&mut Sets<'_>) -> Done<T> + Send,
    T: Send,
{
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn apply(&mut self, file: &File, transaction: &WriteTransaction) -> Result<bool, Error> {
        let Some(change) = self.change.take() else { return Ok(false) };
        let (answer, wrote) = change(&mut Sets::open(file, transaction)?)?;
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

impl RedbStore {
    async fn change<T, F>(&self, bytes: usize, change: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Sets<'_>) -> Done<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let pending = Pending { change: Some(change), answer: None, bytes, reply };
        self.written(Call::Shared(Box::new(pending)), answer).await
    }
}

const fn admit(note: &Bytes) -> Result<(), NotAdmitted> {
    let (found, limit) = (note.len(), MAX_VALUE_BYTES);
    if found > limit { Err(NotAdmitted::TooLarge { what: "bytes of a note", found, limit }) } else { Ok(()) }
}

#[async_trait]
impl SharedIds for RedbStore {
    async fn member(&self, member: &Member) -> Result<Option<MemberState>> {
        let member = member.clone();
        self.blocking(move |file| file.member(&member)).await
    }

    async fn members(&self, set: &str) -> Result<Vec<String>> {
        let set = set.to_owned();
        self.blocking(move |file| file.members(&set)).await
    }

    async fn enter(&self, member: &Member, epoch: Epoch, nonce: Nonce) -> Result<InTurn<MemberState>> {
        let member = member.clone();
        self.change(0, move |sets| sets.enter(&member, epoch, nonce)).await
    }

    async fn take(
        &self,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Result<InTurn<Taking>> {
        let (member, ids) = (member.clone(), ids.to_vec());
        self.change(size_of_val(&ids[..]), move |sets| sets.take(&member, turn, &ids, expired_ms)).await
    }

    async fn promise(&self, member: &Member, turn: Turn, note: Bytes) -> Result<InTurn<()>> {
        admit(&note).map_err(Error::from)?;
        let member = member.clone();
        self.change(note.len(), move |sets| sets.promise(&member, turn, note)).await
    }

    async fn settle(&self, member: &Member, turn: Turn, settlement: Settlement) -> Result<InTurn<Turn>> {
        let mut bytes = 0;
        if let Settlement::Delivered { note, .. } = &settlement {
            admit(note).map_err(Error::from)?;
            bytes = note.len();
        }
        let member = member.clone();
        self.change(bytes, move |sets| sets.settle(&member, turn, settlement)).await
    }

    async fn leave(&self, member: &Member) -> Result<()> {
        let member = member.clone();
        self.change(0, move |sets| sets.leave(&member)).await
    }

    async fn expire(&self, set: &str, until_ms: i64) -> Result<Expired> {
        let set = set.to_owned();
        self.change(0, move |sets| sets.expire(&set, until_ms)).await
    }
}
