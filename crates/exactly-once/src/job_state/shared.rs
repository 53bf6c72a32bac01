//! Ids that the job shares with others, for the people who run it.

use serde::Serialize;
use velostream_core::{Code, Disposition, Error, Member, Result};
use velostream_ledger::SharedNote;
use velostream_processor::Sharing;

use super::{JobState, PositionView};

/// A set of ids that jobs share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SharedIdsView {
    /// Its name.
    pub set: String,
    /// The jobs that take from it.
    pub members: Vec<MemberView>,
}

/// One job that takes from a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MemberView {
    /// Its task.
    pub member: String,
    /// How often it was claimed.
    pub epoch: u64,
    /// Ids that it has taken and not settled: jobs that want one of them wait.
    pub held: u64,
    /// It was about to deliver them: its sink decides at its next start.
    pub promised: bool,
    /// The window of the job in milliseconds; `null` before it has delivered.
    pub window_ms: Option<i64>,
    /// Position up to which all ids are there, by split.
    pub positions: Vec<PositionView>,
}

impl JobState {
    /// The set of ids that the job shares, with all who take from it; `None` where its ids are its own.
    ///
    /// # Errors
    /// As the store.
    pub async fn shared_ids(&self) -> Result<Option<SharedIdsView>> {
        let Some(Sharing { ids, member }) = &self.sharing else { return Ok(None) };
        let mut members = Vec::new();
        for name in ids.members(member.set()).await? {
            let Some(state) = ids.member(&Member::new(member.set(), &name)?).await? else { continue };
            let note = state.settled.map(|note| SharedNote::decode(&name, &note)).transpose()?;
            let positions = note.iter().flat_map(|note| &note.positions);
            members.push(MemberView {
                positions: positions.map(PositionView::of).collect(),
                window_ms: note.as_ref().map(|note| note.window_ms),
                member: name,
                epoch: state.turn.epoch.0,
                held: state.held,
                promised: state.promised.is_some(),
            });
        }
        Ok(Some(SharedIdsView { set: member.set().to_owned(), members }))
    }

    /// What a job shares stays where it is.
    ///
    /// # Errors
    /// `Reject` with [`Code::Config`] where the job shares its ids.
    pub(super) fn refuse_shared(&self, what: &str) -> Result<()> {
        let Some(Sharing { member, .. }) = &self.sharing else { return Ok(()) };
        let text = format!(
            "job {}: its ids are in the set {}, which jobs share: {what}",
            self.job.job,
            member.set()
        );
        Err(Error::new(Code::Config, Disposition::Reject, text)
            .with_remedy("Copy the whole store with its own tools, while all jobs of the set stand still."))
    }
}
