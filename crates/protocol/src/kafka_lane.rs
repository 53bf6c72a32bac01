//! The machine of one transactional Kafka writer.
//!
//! What the general clients hide is decided here in the open: when an offset commit may be sent and under whose
//! membership, what an indefinite answer means, whose transaction a new owner has to close.
//!
//! | phase | what is true | leaves by |
//! |---|---|---|
//! | `Fresh` | no usable producer identity | `Initialized` |
//! | `Ready` | identity held, nothing open | `Begin` |
//! | `Open` | data and progress go out under the captured membership | `Commit`, `Abort`, `Failed` |
//! | `Storing` | every produce is acknowledged; the fence (TxnOffsetCommit) is asked | `Stored`, `Failed` |
//! | `Ending` | EndTxn is under way | `Ended`, `Failed` |
//! | `Doubt` | an outcome is unknown: only a new identity (epoch bump) leads out | `Initialized` |

mod aborted;
mod barrier;
mod effect;
mod event;
mod state;
mod step;

pub use aborted::{AbortedFilter, BatchKind, Verdict};
pub use barrier::{Barrier, Fence, JournalEntry, Recovered};
pub use effect::Effect;
pub use event::{Event, Failure, Kind};
pub use state::{Identity, Member, Open, Phase, State, TransactionVersion};
pub use step::{Misuse, step};
