//! The machine of one lane of a job, for any source and any transactional sink.
//!
//! | phase | what is true | leaves by |
//! |---|---|---|
//! | `Unassigned` | owns nothing | `Assigned` |
//! | `Claiming` | asked the sink for its splits | `Claimed`, `Failed` |
//! | `Ready` | reads; nothing is open in the sink | `Chunk`, `Idle` with an advanced position, `Assigned` |
//! | `Open` | a transaction holds chunks | `Due`, size limit, `Assigned` (abort), `Failed` |
//! | `Committing` | the commit is under way | `Committed`, `Failed` |
//! | `Resetting` | outcome or identity unknown: new identity, then claim again | `ResetDone` |
//! | `Superseded` | the sink refused this membership | a newer `Assigned` |
//! | `Stopped` | finished or failed | - |
//!
//! A crash in any phase needs no code here: the next owner's claim reads the committed position from the sink.

mod effect;
mod event;
mod invariant;
mod state;
mod step;
mod unfinished;

pub use effect::Effect;
pub use event::{During, Event};
pub use invariant::{Violation, check};
pub use state::{Limits, Owned, Phase, State, Transaction};
pub use step::step;
pub use unfinished::unfinished;
