//! What a transactional writer has to do.

use super::{Identity, Member};

/// One request or action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Produce the batch in hand with this identity.
    Produce(Identity),
    /// TxnOffsetCommit of every touched split, with the captured membership: the fence.
    StoreOffsets(Identity, Member),
    /// EndTxn.
    End {
        /// Who ends.
        identity: Identity,
        /// Commit or abort.
        commit: bool,
    },
    /// Close every connection of the lane, so that nothing of this identity is sent any more.
    Disconnect,
}
