//! The one door of a transactional writer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use velostream_core::mutant;

use super::{Effect, Event, Failure, Identity, Kind, Member, Open, Phase, State, TransactionVersion};

/// A call that the machine refuses because it would break the protocol; a defect of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The call does not fit the phase.
    WrongPhase {
        /// Name of the event.
        event: &'static str,
    },
    /// The membership is anonymous or refreshed (R9).
    Anonymous,
    /// The split is not owned under the captured membership (R9).
    NotOwned(u32),
    /// A commit was asked for while a touched split has no progress record.
    NoProgress(u32),
    /// An acknowledgement came for a batch that nobody sent.
    NothingSent,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongPhase { event } => write!(f, "{event} does not fit the phase of the lane"),
            Self::Anonymous => f.write_str("the membership is anonymous"),
            Self::NotOwned(split) => write!(f, "split {split} is not owned under the captured membership"),
            Self::NoProgress(split) => write!(f, "split {split} has data but no progress record"),
            Self::NothingSent => f.write_str("an acknowledgement for nothing"),
        }
    }
}

impl std::error::Error for Misuse {}

/// Takes one event and says what to do.
///
/// # Errors
/// [`Misuse`] where the caller asks for something that would break the protocol; the state is consumed, because a
/// caller with a defect must not go on.
pub fn step(state: State, event: Event) -> Result<(State, Vec<Effect>), Misuse> {
    let State { version, phase } = state;
    let (phase, effects) = match event {
        Event::Initialized(identity) => initialized(phase, identity)?,
        Event::Begin { member, owned } => begin(phase, member, owned)?,
        Event::Send { split, kind } => send(phase, split, kind)?,
        Event::Acknowledged => acknowledged(phase)?,
        Event::Commit => commit(phase)?,
        Event::Stored => stored(phase)?,
        Event::Ended { next } => ended(version, phase, next)?,
        Event::Abort => abort(phase)?,
        Event::Failed(failure) => failed(phase, failure),
    };
    Ok((State { version, phase }, effects))
}

type Step = Result<(Phase, Vec<Effect>), Misuse>;

const fn wrong(event: &'static str) -> Step {
    Err(Misuse::WrongPhase { event })
}

fn initialized(phase: Phase, identity: Identity) -> Step {
    match phase {
        // InitProducerId aborts what the old identity had open and fences it, so that it leads out of every phase.
        Phase::Fresh | Phase::Doubt | Phase::Ready(_) => Ok((Phase::Ready(identity), Vec::new())),
        Phase::Open(_) | Phase::Storing(_) | Phase::Ending { .. } => wrong("initialized"),
    }
}

fn begin(phase: Phase, member: Member, owned: BTreeSet<u32>) -> Step {
    let identity = match phase {
        Phase::Ready(identity) => identity,
        Phase::Open(open) if mutant!(MembershipRefreshed) => {
            return Ok((Phase::Open(Open { member, ..open }), vec![]));
        }
        _ => return wrong("begin"),
    };
    if !member.is_real() && !mutant!(AnonymousTransaction) {
        return Err(Misuse::Anonymous);
    }
    let open = Open { identity, member, owned, touched: BTreeMap::new(), unacknowledged: 0, closing: false };
    Ok((Phase::Open(open), Vec::new()))
}

fn send(phase: Phase, split: u32, kind: Kind) -> Step {
    let Phase::Open(mut open) = phase else { return wrong("send") };
    if open.closing {
        return wrong("send");
    }
    if !open.owned.contains(&split) && !mutant!(ForeignSplitWritten) {
        return Err(Misuse::NotOwned(split));
    }
    let progress = open.touched.entry(split).or_insert(false);
    match kind {
        // Data behind its own progress record would be committed without being counted.
        Kind::Data if *progress && !mutant!(DataBehindProgress) => return wrong("send data behind progress"),
        Kind::Data => {}
        Kind::Progress => *progress = true,
    }
    open.unacknowledged = open.unacknowledged.saturating_add(1);
    let effects = vec![Effect::Produce(open.identity)];
    Ok((Phase::Open(open), effects))
}

fn acknowledged(phase: Phase) -> Step {
    let Phase::Open(mut open) = phase else { return wrong("acknowledged") };
    open.unacknowledged = open.unacknowledged.checked_sub(1).ok_or(Misuse::NothingSent)?;
    Ok(store_when_drained(open))
}

fn commit(phase: Phase) -> Step {
    let Phase::Open(mut open) = phase else { return wrong("commit") };
    if let Some((split, _)) = open.touched.iter().find(|(_, progress)| !**progress)
        && !mutant!(CommitWithoutProgress)
    {
        return Err(Misuse::NoProgress(*split));
    }
    if open.touched.is_empty() {
        return Ok((Phase::Ready(open.identity), Vec::new()));
    }
    open.closing = true;
    Ok(store_when_drained(open))
}

/// Only when every produce is acknowledged may the offset commit go out: the broker's check of the membership is the
/// fence, and what it lets through must be complete.
fn store_when_drained(open: Open) -> (Phase, Vec<Effect>) {
    if open.closing && (open.unacknowledged == 0 || mutant!(OffsetsBeforeAcknowledgements)) {
        if mutant!(CommitWithoutFence) {
            return end(open.identity, true);
        }
        let effect = Effect::StoreOffsets(open.identity, open.member.clone());
        (Phase::Storing(open), vec![effect])
    } else {
        (Phase::Open(open), Vec::new())
    }
}

fn stored(phase: Phase) -> Step {
    let Phase::Storing(open) = phase else { return wrong("stored") };
    Ok(end(open.identity, true))
}

fn end(identity: Identity, commit: bool) -> (Phase, Vec<Effect>) {
    (Phase::Ending { identity, commit }, vec![Effect::End { identity, commit }])
}

fn ended(version: TransactionVersion, phase: Phase, next: Option<Identity>) -> Step {
    let Phase::Ending { identity, commit } = phase else { return wrong("ended") };
    let phase = match (version, next) {
        (TransactionVersion::V2, Some(next)) => Phase::Ready(next),
        // Without the bump a straggler of the ended transaction could land in the next one.
        (TransactionVersion::V2, None) => Phase::Fresh,
        (TransactionVersion::V1, _) if commit || mutant!(SameEpochAfterAbort) => Phase::Ready(identity),
        (TransactionVersion::V1, _) => Phase::Fresh,
    };
    Ok((phase, Vec::new()))
}

fn abort(phase: Phase) -> Step {
    match phase {
        // Replies of requests in flight are not waited for: a late produce of this epoch could land behind the
        // abort marker, so only a drained transaction is ended in an orderly way.
        Phase::Open(open) if open.unacknowledged > 0 => Ok((Phase::Doubt, vec![Effect::Disconnect])),
        Phase::Open(open) if open.touched.is_empty() => Ok((Phase::Ready(open.identity), Vec::new())),
        Phase::Open(open) => Ok(end(open.identity, false)),
        Phase::Ready(identity) => Ok((Phase::Ready(identity), Vec::new())),
        Phase::Fresh => Ok((Phase::Fresh, Vec::new())),
        Phase::Doubt => Ok((Phase::Doubt, Vec::new())),
        Phase::Storing(_) | Phase::Ending { .. } => wrong("abort"),
    }
}

fn failed(phase: Phase, failure: Failure) -> (Phase, Vec<Effect>) {
    match (phase, failure) {
        // A clean refusal: the transaction stands open and can be aborted under the same identity.
        (Phase::Storing(open), Failure::StaleMembership) => end(open.identity, false),
        (Phase::Open(open), Failure::Poison)
            if open.unacknowledged <= 1 || mutant!(PoisonAmongOthersIsAlone) =>
        {
            end(open.identity, false)
        }
        (Phase::Ending { identity, .. }, _) if mutant!(SameEpochAfterEnd) => {
            (Phase::Ready(identity), Vec::new())
        }
        (Phase::Open(open), Failure::Indefinite) if mutant!(LostConnectionIsNoDoubt) => {
            end(open.identity, false)
        }
        (Phase::Fresh, _) => (Phase::Fresh, Vec::new()),
        _ => (Phase::Doubt, vec![Effect::Disconnect]),
    }
}
