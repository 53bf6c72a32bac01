//! The requests, one file per API. Field names and meanings follow the schemas shipped with kafka-clients 4.3.1.

mod add_offsets_to_txn;
mod add_partitions_to_txn;
mod api_versions;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod describe_configs;
mod describe_groups;
mod describe_producers;
mod describe_transactions;
mod end_txn;
mod fetch;
mod find_coordinator;
mod heartbeat;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_offsets;
mod metadata;
mod offset_commit;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
mod sync_group;
mod txn_offset_commit;
mod write_txn_markers;

pub use add_offsets_to_txn::{AddOffsetsToTxn, AddOffsetsToTxnResponse};
pub use add_partitions_to_txn::{AddPartitionsToTxn, AddPartitionsToTxnResponse};
pub use api_versions::{ApiVersions, ApiVersionsResponse, Features, VersionRange};
pub use create_partitions::{CreatePartitions, CreatePartitionsResponse, NewPartitions, PartitionsResult};
pub use create_topics::{CreateTopics, CreateTopicsResponse, CreatedTopic, NewTopic};
pub use delete_topics::{DeleteTopics, DeleteTopicsResponse, DeletedTopic};
pub use describe_configs::{
    ConfigEntry, ConfigResource, DescribeConfigs, DescribeConfigsResponse, DescribedConfig, ResourceKind,
};
pub use describe_groups::{DescribeGroups, DescribeGroupsResponse, DescribedGroup, DescribedMember};
pub use describe_producers::{
    DescribeProducers, DescribeProducersResponse, DescribedProducers, ProducerState,
};
pub use describe_transactions::{DescribeTransactions, DescribeTransactionsResponse, TransactionState};
pub use end_txn::{EndTxn, EndTxnResponse};
pub use fetch::{
    AbortedTransaction, EpochEnd, Fetch, FetchPartition, FetchResponse, FetchTopic, FetchedPartition,
};
pub use find_coordinator::{CoordinatorKind, FindCoordinator, FindCoordinatorResponse};
pub use heartbeat::{Heartbeat, HeartbeatResponse};
pub use init_producer_id::{InitProducerId, InitProducerIdResponse};
pub use join_group::{GroupProtocol, JoinGroup, JoinGroupResponse, JoinedMember};
pub use leave_group::{LeaveGroup, LeaveGroupResponse, LeavingMember, LeftMember};
pub use list_offsets::{
    EARLIEST, LATEST, ListOffsets, ListOffsetsPartition, ListOffsetsResponse, ListOffsetsTopic, ListedOffset,
};
pub use metadata::{Metadata, MetadataPartition, MetadataResponse, MetadataTopic, Topics};
pub use offset_commit::{OffsetCommit, OffsetCommitResponse};
pub use offset_fetch::{FetchedOffset, OffsetFetch, OffsetFetchResponse};
pub use offset_for_leader_epoch::{
    EpochEndOffset, EpochPartition, EpochTopic, OffsetForLeaderEpoch, OffsetForLeaderEpochResponse,
};
pub use produce::{Produce, ProducePartition, ProduceResponse, ProduceTopic, ProducedPartition, RecordError};
pub use sync_group::{MemberAssignment, SyncGroup, SyncGroupResponse};
pub use txn_offset_commit::{CommitPartition, CommitTopic, TxnOffsetCommit, TxnOffsetCommitResponse};
pub use write_txn_markers::{TxnMarker, WriteTxnMarkers, WriteTxnMarkersResponse, WrittenMarker};

#[cfg(test)]
mod cross_check;
#[cfg(test)]
mod garbage;
