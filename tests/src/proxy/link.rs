//! The network between one client and one broker.

use std::collections::HashMap;

use super::Direction;

/// Which way nothing gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cut {
    /// Neither.
    Both,
    /// Requests.
    ToBroker,
    /// Replies.
    FromBroker,
}

impl Cut {
    pub(super) fn stops(self, direction: Direction) -> bool {
        match self {
            Self::Both => true,
            Self::ToBroker => direction == Direction::ToBroker,
            Self::FromBroker => direction == Direction::FromBroker,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Both => "both ways",
            Self::ToBroker => "one way, to the broker",
            Self::FromBroker => "one way, from the broker",
        }
    }
}

/// Links that are cut, by client.
#[derive(Debug, Default)]
pub(super) struct Links {
    cut: HashMap<String, Cut>,
}

impl Links {
    pub(super) fn cut(&mut self, client: &str, cut: Cut) {
        self.cut.insert(client.to_owned(), cut);
    }

    pub(super) fn heal(&mut self, client: &str) {
        self.cut.remove(client);
    }

    pub(super) fn is_open(&self, client: &str, direction: Direction) -> bool {
        self.cut.get(client).is_none_or(|cut| !cut.stops(direction))
    }
}
