//! A lane as the owner of splits: what claiming needs, apart from the open transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use velostream_core::{Clock, SplitId};

use super::split::ClaimedSplit;
use crate::config::SinkConfig;
use crate::connections::Connections;
use crate::membership::KafkaMembership;
use crate::names::Names;

/// Who claims, and what it has claimed.
#[derive(Debug)]
pub(super) struct Owner {
    /// Transactional id of the lane.
    pub(super) id: String,
    pub(super) names: Names,
    pub(super) config: Arc<SinkConfig>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) membership: Arc<KafkaMembership>,
    /// Connections for claims only.
    pub(super) connections: Connections,
    pub(super) splits: BTreeMap<SplitId, ClaimedSplit>,
    /// Per split the offset of the own claim up to which every earlier owner is fenced.
    pub(super) fenced: BTreeMap<SplitId, i64>,
}
