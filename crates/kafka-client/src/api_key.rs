//! Names and numbers of the requests.

use std::fmt;

macro_rules! api_keys {
    ($($name:ident = $number:literal $effect:ident;)+) => {
        /// An API of the Kafka protocol (source: the request schemas shipped with kafka-clients 4.3).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ApiKey {
            $(#[doc = concat!("API ", stringify!($number), ".")] $name = $number,)+
        }

        impl ApiKey {
            /// Every API that this crate speaks.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> i16 {
                match self { $(Self::$name => $number,)+ }
            }

            /// The name in Kafka's documentation.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// True where a request changes nothing, so that after a lost reply it may simply be asked again.
            #[must_use]
            pub const fn is_read_only(self) -> bool {
                match self { $(Self::$name => api_keys!(@ $effect),)+ }
            }
        }
    };
    (@ reads) => { true };
    (@ writes) => { false };
}

api_keys! {
    Produce = 0 writes;
    Fetch = 1 reads;
    ListOffsets = 2 reads;
    Metadata = 3 reads;
    OffsetCommit = 8 writes;
    OffsetFetch = 9 reads;
    FindCoordinator = 10 reads;
    JoinGroup = 11 writes;
    Heartbeat = 12 writes;
    LeaveGroup = 13 writes;
    SyncGroup = 14 writes;
    DescribeGroups = 15 reads;
    ApiVersions = 18 reads;
    CreateTopics = 19 writes;
    DeleteTopics = 20 writes;
    InitProducerId = 22 writes;
    OffsetForLeaderEpoch = 23 reads;
    AddPartitionsToTxn = 24 writes;
    AddOffsetsToTxn = 25 writes;
    EndTxn = 26 writes;
    WriteTxnMarkers = 27 writes;
    TxnOffsetCommit = 28 writes;
    DescribeConfigs = 32 reads;
    CreatePartitions = 37 writes;
    DescribeProducers = 61 reads;
    DescribeTransactions = 65 reads;
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
