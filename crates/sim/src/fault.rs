//! What can go wrong, as data: a plan is replayed and shrunk by leaving faults out.

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Applied {
    /// It never arrived.
    Never,
    /// It was applied and the answer was lost.
    ReplyLost,
    /// It was applied after the sender gave it up.
    Later {
        /// How much later, milliseconds.
        ms: u64,
    },
    /// It was applied, and the answer waits for a sender that is paused.
    Now,
}

/// What happened to the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Then {
    /// The connection broke: the sender sees an error at once.
    Error,
    /// The sender saw nothing until its time-out.
    TimeOut,
    /// The process was killed; a supervisor starts it again.
    Crash {
        /// How long that takes, milliseconds.
        restart_ms: u64,
    },
    /// The process was stopped and went on later, as a zombie where its session ended meanwhile.
    Pause {
        /// How long, milliseconds.
        ms: u64,
    },
}

/// Something that happens at a time, whatever is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nemesis {
    /// kill -9.
    Crash {
        /// Whom.
        worker: usize,
        /// Until the restart, milliseconds.
        restart_ms: u64,
    },
    /// SIGSTOP, and SIGCONT later.
    Pause {
        /// Whom.
        worker: usize,
        /// Until SIGCONT, milliseconds.
        ms: u64,
    },
    /// SIGTERM and a restart, as in a rolling upgrade.
    Stop {
        /// Whom.
        worker: usize,
        /// From its end to the restart, milliseconds.
        restart_ms: u64,
    },
    /// The group coordinator removes the worker's members.
    Kick {
        /// Whom.
        worker: usize,
    },
    /// Reads are answered by replaced servers.
    Stale {
        /// How long, milliseconds.
        ms: u64,
        /// Changes that they do not know.
        back: usize,
    },
    /// Every open transaction comes to its age limit.
    TimeOutTransactions,
    /// Every idle transactional id is forgotten.
    ExpireIds,
    /// The coordinator writes markers slowly.
    SlowMarkers {
        /// How long, milliseconds.
        ms: u64,
        /// Delay of each marker, milliseconds.
        delay_ms: u64,
    },
    /// The sink's brokers answer no request.
    Away {
        /// How long, milliseconds.
        ms: u64,
    },
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Of the request with this number.
    Request {
        /// Number of the request, from 0, over all workers.
        point: u64,
        /// What became of it.
        applied: Applied,
        /// What happened to the sender.
        then: Then,
    },
    /// A replaced server answers the read with this number.
    StaleRead {
        /// Number of the request.
        point: u64,
        /// Changes that the server does not know.
        back: usize,
    },
    /// At a time.
    At {
        /// Milliseconds since the start.
        ms: u64,
        /// What.
        what: Nemesis,
    },
}
