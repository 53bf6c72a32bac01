//! Sets of ids that several jobs take from, each call by the thread that writes.

use async_trait::async_trait;
use bytes::Bytes;
use velostream_core::{
    Epoch, Expired, InTurn, Member, MemberState, Nonce, NotAdmitted, Result, Settlement, SharedId, SharedIds,
    Taking, Turn,
};

use crate::pending::Done;
use crate::sets::Sets;
use crate::store::MAX_VALUE_BYTES;
use crate::{Error, RedbStore};

impl RedbStore {
    async fn change_sets<T, F>(&self, bytes: usize, change: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Sets<'_>) -> Done<T> + Send + 'static,
    {
        self.change(bytes, move |file, transaction| change(&mut Sets::open(file, transaction)?)).await
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
        self.change_sets(0, move |sets| sets.enter(&member, epoch, nonce)).await
    }

    async fn take(
        &self,
        member: &Member,
        turn: Turn,
        ids: &[SharedId],
        expired_ms: i64,
    ) -> Result<InTurn<Taking>> {
        let (member, ids) = (member.clone(), ids.to_vec());
        self.change_sets(size_of_val(&ids[..]), move |sets| sets.take(&member, turn, &ids, expired_ms)).await
    }

    async fn promise(&self, member: &Member, turn: Turn, note: Bytes) -> Result<InTurn<()>> {
        admit(&note).map_err(Error::from)?;
        let member = member.clone();
        self.change_sets(note.len(), move |sets| sets.promise(&member, turn, note)).await
    }

    async fn settle(&self, member: &Member, turn: Turn, settlement: Settlement) -> Result<InTurn<Turn>> {
        let mut bytes = 0;
        if let Settlement::Delivered { note, .. } = &settlement {
            admit(note).map_err(Error::from)?;
            bytes = note.len();
        }
        let member = member.clone();
        self.change_sets(bytes, move |sets| sets.settle(&member, turn, settlement)).await
    }

    async fn leave(&self, member: &Member) -> Result<()> {
        let member = member.clone();
        self.change_sets(0, move |sets| sets.leave(&member)).await
    }

    async fn expire(&self, set: &str, until_ms: i64) -> Result<Expired> {
        let set = set.to_owned();
        self.change_sets(0, move |sets| sets.expire(&set, until_ms)).await
    }
}
