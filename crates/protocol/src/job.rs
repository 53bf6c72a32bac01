//! The machine of one lane of a job, for any source and any transactional sink.
//!
//! | phase | what is true | leaves by |
//! |---|---|---|
//! | `Unassigned` | owns nothing | `Assigned` |
//! | `Claiming` | asked the sink for its splits | `Claimed`, `Failed` |
//! | `Recovering` | took its splits; asked the state store which ids it has (content ids only) | `Recovered`, `Failed` |
//! | `Rebuilding` | reads again what is committed and whose ids are lost; nothing is written | `Chunk`, `Advance`, `Failed` |
//! | `Ready` | reads; nothing is open in the sink | `Chunk`, `Idle` with an advanced position, `Assigned` |
//! | `Open` | a transaction holds chunks | `Due`, size limit, `Assigned` (abort), `Failed` |
//! | `Committing` | the commit is under way | `Committed`, `Failed` |
//! | `Resetting` | outcome or identity unknown: new identity, then claim again | `ResetDone` |
//! | `Superseded` | the sink refused this membership | a newer `Assigned` |
//! | `Stopped` | finished or failed | - |
//!
//! Where records are told apart by what they hold (`State::tracked`), each transaction is `Remember`ed as pending in the
//! state store before it is committed, and `Confirm`ed behind it, so that whatever a crash leaves pending is decided by
//! the sink's committed position ([`settle`]). Where other jobs take from the same ids (`State::shared`), a chunk is an
//! `Offer` until its ids are the lane's own; while another job has one of them, the lane waits with nothing open.
//!
//! A crash in any phase needs no code here: the next owner's claim reads the committed position from the sink.

mod effect;
mod event;
mod invariant;
mod settle;
mod state;
mod step;
mod unfinished;

pub use effect::Effect;
pub use event::{During, Event};
pub use invariant::{Violation, check};
pub use settle::{Known, Lost, Pending, Settlement, Unfit, settle};
pub use state::{Limits, Missing, Offer, Owned, Phase, State, Transaction};
pub use step::step;
pub use unfinished::unfinished;
