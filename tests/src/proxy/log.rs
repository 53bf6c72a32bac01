//! What passed a proxy.

use std::sync::Arc;

use super::{Api, Direction, ProtocolState};

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Handed on.
    Forwarded,
    /// Handed on after it was held.
    Released,
    /// Handed on twice.
    Doubled,
    /// Another one was handed on in its place.
    Replaced,
    /// Not handed on.
    Lost,
    /// The second answer to a doubled request, which nobody waits for.
    Spare,
    /// For a client that is gone.
    Unheard,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Connection, by number in the order in which clients came.
    pub connection: u64,
    /// The client's name for itself.
    pub client: Arc<str>,
    /// What was asked or answered.
    pub api: Api,
    /// In which version.
    pub version: i16,
    /// Number that ties a reply to its request.
    pub correlation: i32,
    /// Request or reply.
    pub direction: Direction,
    /// Bytes without the length in front.
    pub bytes: usize,
    /// What became of it.
    pub fate: Fate,
    /// What the client was doing.
    pub state: ProtocolState,
    /// Error code of a reply, where the proxy knows how to find it.
    pub error: Option<i16>,
}
