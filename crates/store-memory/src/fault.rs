//! Faults of one call.

/// What happens to one call. Scripts are queues: each call takes the next entry, an empty queue means [`Fault::None`].
///
/// These happen inside the model, at one instant with what it holds, and to reads too; `FaultyStore` of
/// `velostream-conformance` stands in front of any store and knows nothing of its inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing: the call does what it says.
    #[default]
    None,
    /// The call does not reach the store: `Retry`.
    NotReached,
    /// The call is applied, its reply is lost: `Reconcile`.
    ReplyLost,
    /// The call is lost, which its caller cannot know: `Reconcile`.
    Lost,
    /// A commit writes its puts and then stops in front of the root: `Reconcile`. As `Lost` for other calls.
    Torn,
    /// A commit stays in the network: `Reconcile` now, and it is applied by
    /// [`land_delayed`](crate::MemoryStore::land_delayed). As `Lost` for other calls.
    Delayed,
}
