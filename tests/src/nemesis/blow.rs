//! What is done to a worker, or to what it talks to.

use std::fmt;

use crate::proxy::{Action, Api, Cut, Direction};

/// One end of a replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// What is read.
    Source,
    /// What is written.
    Sink,
}

/// What is done to a single frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tamper {
    /// The request is held until its client has given it up, then let through.
    Held,
    /// The broker gets the request twice.
    Doubled,
    /// The request is lost and the connection breaks.
    RequestCut,
    /// The request is lost, and nobody is told.
    RequestSilenced,
    /// The reply is lost and the connection breaks.
    ReplyCut,
    /// The reply is lost, and nobody is told.
    ReplySilenced,
}

impl Tamper {
    /// All.
    pub const ALL: [Self; 6] = [
        Self::Held,
        Self::Doubled,
        Self::RequestCut,
        Self::RequestSilenced,
        Self::ReplyCut,
        Self::ReplySilenced,
    ];

    /// The proxy's action, and the direction of the frame.
    #[must_use]
    pub const fn action(self) -> (Action, Direction) {
        match self {
            Self::Held => (Action::Hold, Direction::ToBroker),
            Self::Doubled => (Action::Double, Direction::ToBroker),
            Self::RequestCut => (Action::Cut, Direction::ToBroker),
            Self::RequestSilenced => (Action::Silence, Direction::ToBroker),
            Self::ReplyCut => (Action::Cut, Direction::FromBroker),
            Self::ReplySilenced => (Action::Silence, Direction::FromBroker),
        }
    }

    /// The requests that it is done to. Those of the group and identity are never doubled: a client that has not sent
    /// them twice would have to be two.
    #[must_use]
    pub fn apis(self) -> &'static [Api] {
        match self {
            Self::Doubled => &[Api::Produce, Api::TxnOffsetCommit, Api::EndTxn],
            _ => &TAMPERED,
        }
    }
}

/// The requests that single frames are taken from.
pub const TAMPERED: [Api; 6] =
    [Api::Produce, Api::TxnOffsetCommit, Api::EndTxn, Api::InitProducerId, Api::Heartbeat, Api::JoinGroup];

impl fmt::Display for Tamper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Held => "request held",
            Self::Doubled => "request doubled",
            Self::RequestCut => "request lost, cut",
            Self::RequestSilenced => "request lost in silence",
            Self::ReplyCut => "reply lost, cut",
            Self::ReplySilenced => "reply lost in silence",
        })
    }
}

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// kill -9.
    Kill,
    /// SIGSTOP for longer than a take-over takes, then SIGCONT: a zombie.
    Pause,
    /// kill -9 of the broker, or a clean stop, and a start.
    Restart(End),
    /// The network between the worker and one end is cut for longer than a session, then mended.
    Cut(End, Cut),
    /// One frame on the way to or from the sink.
    Frame(Tamper, Api),
}

const BOTH_WAYS: [Cut; 3] = [Cut::Both, Cut::ToBroker, Cut::FromBroker];

impl Blow {
    /// All that meet a state of the protocol, and do not make one.
    #[must_use]
    pub fn stately() -> Vec<Self> {
        let ends = [End::Source, End::Sink];
        let cuts = ends.into_iter().flat_map(|end| BOTH_WAYS.into_iter().map(move |cut| Self::Cut(end, cut)));
        [Self::Kill, Self::Pause].into_iter().chain(ends.map(Self::Restart)).chain(cuts).collect()
    }

    /// All that are done to frames.
    #[must_use]
    pub fn frames() -> Vec<Self> {
        let of = |tamper: Tamper| tamper.apis().iter().map(move |api| Self::Frame(tamper, *api));
        Tamper::ALL.into_iter().flat_map(of).collect()
    }
}

impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |end: &End| if *end == End::Source { "source" } else { "sink" };
        f.pad(&match self {
            Self::Kill => "kill -9".to_owned(),
            Self::Pause => "zombie".to_owned(),
            Self::Restart(at) => format!("{} broker restart", end(at)),
            Self::Cut(at, Cut::Both) => format!("{} cut, both ways", end(at)),
            Self::Cut(at, Cut::ToBroker) => format!("{} cut, to it", end(at)),
            Self::Cut(at, Cut::FromBroker) => format!("{} cut, from it", end(at)),
            Self::Frame(tamper, api) => format!("{api} {tamper}"),
        })
    }
}
