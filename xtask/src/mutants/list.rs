//! Every deliberate defect: which rule it breaks, and how. `docs/PROTOCOL.md` holds the rules.

/// One deliberate defect of the product's code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mutant {
    /// Its name: the argument of `velostream_core::mutant!`.
    pub(crate) name: &'static str,
    /// R1 to R16, or the part whose contract is broken.
    pub(crate) rule: &'static str,
    /// What the code does wrong.
    pub(crate) broken: &'static str,
    /// The suite on real servers and the test in it that must fail, where nothing cheaper can.
    pub(crate) on_servers: Option<(&'static str, &'static str)>,
}

const fn mutant(name: &'static str, rule: &'static str, broken: &'static str) -> Mutant {
    Mutant { name, rule, broken, on_servers: None }
}

impl Mutant {
    const fn on_servers(self, suite: &'static str, test: &'static str) -> Self {
        Self { on_servers: Some((suite, test)), ..self }
    }
}

/// All of them, in the order of the rules.
pub(crate) const MUTANTS: &[Mutant] = &[
    mutant(
        "RejoinBeforeCommit",
        "R1",
        "the lane lets the worker join again before its transaction is committed",
    ),
    mutant("LossKeepsSplits", "R1", "a lost membership leaves the splits with the lane"),
    mutant("LossKeepsTransaction", "R1", "a new assignment leaves the open transaction as it is"),
    mutant("SameEpochAfterEnd", "R2", "an EndTxn without an answer is taken for done, under the same epoch"),
    mutant("DoubtWithoutReset", "R2", "after a doubtful call the lane claims without a new identity"),
    mutant(
        "LostConnectionIsNoDoubt",
        "R3",
        "a produce without an answer is rolled back under the same epoch",
    ),
    mutant("SameEpochAfterAbort", "R3", "on V1 the identity of an aborted transaction is used again"),
    mutant("ConnectionsKeptAfterDoubt", "R2", "after a doubtful call the lane keeps its connections")
        .on_servers("network", "held::produce_let_through_inside_a_later_transaction_changes_nothing"),
    mutant(
        "CutBetweenTransactionsForgotten",
        "R3",
        "a connection that closed between two transactions is just opened again",
    )
    .on_servers("network", "cuts::connection_for_data_lost_between_two_transactions_is_followed_by_a_claim"),
    mutant(
        "RefusedEpochIsAnOwner",
        "R4",
        "a refused producer epoch is taken for another owner, and waited out",
    ),
    mutant("TransactionNeverFull", "R5", "a transaction never ends by its size"),
    mutant("TransactionNeverDue", "R5", "a transaction never ends by its age"),
    mutant(
        "IntervalBeyondTimeout",
        "R5",
        "a max_interval longer than the broker's transaction timeout is accepted",
    ),
    mutant("NoLastFetchedEpoch", "R6", "a Fetch does not say which epoch was read last"),
    mutant("EpochNotKept", "R6", "positions carry no leader epoch"),
    mutant("DivergenceIgnored", "R6", "a Fetch answer that says that the log diverged is read on"),
    mutant("EpochIgnoredAtClaim", "R6", "the end of the epoch of the position is not looked at"),
    mutant("LogStartIgnored", "R6", "a position below the log start is no gap"),
    mutant("DeletedRecordsOverlooked", "R6", "records that retention deleted are not looked for"),
    mutant("RecreatedSourceOverlooked", "R6", "the id of a source topic may change"),
    mutant("VanishedTopicWaitedFor", "R6", "a source topic that is gone is asked for without end"),
    mutant(
        "AppendTimeIgnored",
        "R7",
        "records of a LogAppendTime batch keep the timestamps that their producer gave",
    ),
    mutant("NullReadAsEmpty", "R7", "a null key, value or header value is read as empty"),
    mutant("TombstoneBecomesEmpty", "R7", "a tombstone that is encoded anew becomes an empty value"),
    mutant("HeadersReversed", "R7", "headers of a record that is encoded anew are turned round"),
    mutant("TimestampMoved", "R7", "a record that is encoded anew is a millisecond later"),
    mutant(
        "RecordsInFrontOfPositionKept",
        "R7",
        "a batch that is decoded is delivered from its first record, whatever the position",
    ),
    mutant("ChecksumIgnored", "R8", "a batch with a wrong checksum is taken"),
    mutant("DamageFetchedForEver", "R8", "a damaged batch is fetched again without end"),
    mutant("UnknownAttributesPass", "R8", "attribute bits that nobody knows are let through"),
    mutant("HolesPassThrough", "R7", "a batch with missing offsets is passed through"),
    mutant(
        "AppendTimePassesThrough",
        "R7",
        "a LogAppendTime batch is passed through with its own timestamps",
    ),
    mutant(
        "BatchInFrontOfPositionPasses",
        "R7",
        "a batch that begins in front of the position is passed through whole",
    ),
    mutant("MembershipRefreshed", "R9", "an open transaction takes over a newer membership"),
    mutant("AnonymousTransaction", "R9", "the lane machine begins a transaction without a member id"),
    mutant("AnonymousRequest", "R9", "the encoder writes an offset commit without a member id"),
    mutant("ForeignSplitWritten", "R9", "a split outside the captured membership is written"),
    mutant("NobodyFenced", "R10", "a claim leaves earlier owners' transactions to their timeout"),
    mutant("NewestOwnerFencedOnly", "R10", "only the newest earlier owner is fenced"),
    mutant("FencedAgainAndAgain", "R10", "every claim fences all lanes that were ever mentioned"),
    mutant(
        "FencedInALoop",
        "R10",
        "InitProducerId is repeated while the earlier owner's transaction is being ended",
    ),
    mutant("RecreatedSinkOverlooked", "R11", "the id of a destination topic may change"),
    mutant("SinkEndIgnored", "R11", "a destination may end in front of what it acknowledged"),
    mutant("OffsetGivenOutAgain", "R11", "a destination may give an offset out twice"),
    mutant("NewPartitionsFollowPolicy", "R12", "partitions that appear later start where the policy says"),
    mutant("StartAtEveryClaim", "R12", "the start is resolved again at every claim of a file sink"),
    mutant("AbortedByProducer", "R13", "whatever a producer of an aborted transaction wrote is dropped"),
    mutant("AbortedByFirstOffset", "R13", "an aborted transaction does not end at its marker"),
    mutant("PlainBatchesDropped", "R13", "batches outside transactions are dropped with aborted ones"),
    mutant("SplitChangesLane", "R14", "a split changes its lane from one assignment to the next"),
    mutant("IdlePositionKept", "R15", "a position that moved without data is not committed"),
    mutant("PoisonAmongOthersIsAlone", "R16", "a refused batch is rolled back while others are in flight"),
    mutant("PoisonForEver", "R16", "a record that is refused by itself is tried again and again"),
    mutant("NewestSuspectOnly", "R16", "only the newest refused batch is written record by record"),
    mutant("RefusedBatchIsSkipped", "R16", "a batch that the broker refuses counts as stored"),
    mutant("BarrierSkipped", "claim", "the position is taken before the own claim was read"),
    mutant("ReadToLastStable", "claim", "the journal is read to the last stable offset only"),
    mutant(
        "OffsetsBeforeAcknowledgements",
        "transaction",
        "the offset commit does not wait for the last acknowledgement",
    ),
    mutant("CommitWithoutFence", "transaction", "a transaction ends without an offset commit"),
    mutant("CommitWithoutProgress", "transaction", "a commit takes data without a progress record"),
    mutant("DataBehindProgress", "transaction", "data goes out behind its own progress record"),
    mutant("ChunkGapAccepted", "driver", "a chunk that does not begin at the expected position is written"),
    mutant("PositionBeforeCommitted", "driver", "a position moves before the sink has committed it"),
    mutant("OwnShareOnly", "driver", "a bounded worker ends with its own share, whatever others still hold"),
    mutant("CommitBeforeRemember", "ids", "the sink commits records whose ids are not in the store"),
    mutant("RememberedIsConfirmed", "ids", "ids are confirmed whose records the sink has not committed"),
    mutant(
        "PendingAlwaysConfirmed",
        "ids",
        "what a crash left pending counts, whatever the sink has committed",
    ),
    mutant("ClaimWithoutRecovery", "ids", "a claim goes on without asking the store"),
    mutant("LostIdsIgnored", "ids", "ids that the store has lost are not read again"),
    mutant("WriteBeforeTake", "ids", "a record is written whose id may be another job's"),
    mutant("HolderWaits", "ids", "a lane waits for ids of another job and keeps its own"),
    mutant("PromiseAlwaysReleased", "ids", "ids are released whose records the sink has committed"),
    mutant("DeliveredWaits", "ids", "a lane waits for ids and has not said what it delivered"),
    mutant("WindowsNotCompared", "ids", "jobs with different windows take from one set"),
    mutant("ExpiredIdsCount", "ledger", "ids count that are older than the window"),
    mutant("ForgottenIdsKeepPosition", "ledger", "a position stays whose ids were dropped"),
    mutant("NonceIgnored", "ledger", "an owner is told by its epoch alone"),
    mutant("MissingChunkIsEmpty", "ledger", "ids whose chunk is gone count as new"),
    mutant("ExpiryTakesOneMore", "ledger", "the bucket that ids expire up to goes with them"),
    mutant("ClaimOverNewerClaim", "ledger", "a claim goes on where somebody else has claimed since"),
    mutant("DataNotSynced", "file sink", "the data file is not synced before its manifest"),
    mutant("ManifestNotSynced", "file sink", "the manifest is not synced before it is renamed"),
    mutant("CommitNotSynced", "file sink", "the directory is not synced after the rename"),
    mutant("ManifestBeforeData", "file sink", "the manifest stands before the data is written"),
    mutant("OldManifestKept", "file sink", "superseded manifests stay"),
    mutant("LateCommitOverlooked", "file sink", "a claim overlooks what its predecessor committed meanwhile"),
];
