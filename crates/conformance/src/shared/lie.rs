//! Ways for shared ids to break their contract.

/// One thing that [`LyingIds`](crate::LyingIds) do wrong; everything else they do right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SharedLie {
    /// A taking of held ids is answered as if they were free.
    HandsOutTwice,
    /// Whether an id is held and the taking of it are two steps.
    ComparesThenTakes,
    /// A held id is said to be held by whoever asks.
    NamesTheAsker,
    /// A taking that meets a held id keeps what it took before it.
    TakesInParts,
    /// What a member holds stands in its own way.
    ForgetsOwnHold,
    /// An id twice in a taking is answered once.
    AnswersOnce,
    /// Answers come in the order of the ids, not of the question.
    AnswersSorted,
    /// A taking has one answer too many.
    InventsAnswers,
    /// A taking takes its first 1,000 ids and answers them all.
    CutsTakings,
    /// The total is the sum of all takings.
    SumsTotals,
    /// The total never falls.
    TotalNeverFalls,
    /// Each member has a set of its own.
    ASetForEach,
    /// Bytes of ids beyond ASCII lose their highest bit.
    FoldsIds,
    /// Ids are cut at 15 bytes.
    CutsIds,
    /// Ids end at their first zero byte.
    EndsIdsAtZero,
    /// What was delivered is taken again.
    RetakesDelivered,
    /// Times are kept in seconds.
    RoundsTimes,
    /// A release delivers.
    DeliversReleased,
    /// What was delivered at the very time of expiry stays.
    KeepsTheMoment,
    /// Ids run out a millisecond too early.
    ExpiresEarly,
    /// The time of an earlier delivery is answered although the id was taken again since.
    RemembersOldTimes,
    /// Turns are not compared.
    IgnoresTurns,
    /// Numbers of turns are not compared.
    IgnoresNumbers,
    /// Nonces of turns are not compared.
    IgnoresNonces,
    /// Epochs of turns are not compared.
    IgnoresEpochs,
    /// A stale call is not told which turn stands.
    StaleIsMute,
    /// Unknown members are answered as if they had entered.
    InventsMembers,
    /// A call of an unknown member lets it enter.
    AdmitsUnknown,
    /// An entry finds what others hold.
    EntryCountsOthers,
    /// Epochs are compared as text.
    ComparesAsText,
    /// Numbers above 2^53 lose their last bits, as doubles do.
    RoundsNumbers,
    /// An owner of a lower epoch enters.
    LowerEpochEnters,
    /// A second owner of one epoch enters.
    SecondEnters,
    /// An owner that enters again goes on with its turn.
    EntryKeepsTheTurn,
    /// An entry releases what its predecessor held.
    EntryReleases,
    /// An entry drops the promise.
    EntryDropsPromise,
    /// An entry drops the note of the last settlement.
    EntryDropsNote,
    /// An entry does not say what is held.
    EntryIsMute,
    /// A settlement answers its own turn.
    AnswersTheOldTurn,
    /// A settlement delivers the ids of the last taking and releases the others.
    SettlesTheLastTaking,
    /// A repeated settlement settles what was taken since.
    SettlesAgain,
    /// A settlement is of all members, and so is leaving.
    SettlesForAll,
    /// A settlement of nothing keeps no note.
    NeedsHeldIds,
    /// The number of held ids is the sum of all takings.
    SumsHeld,
    /// A settlement leaves the promise.
    KeepsPromises,
    /// A release drops the note of the settlement before it.
    ReleaseDropsNote,
    /// A second promise is not kept.
    FirstPromiseStays,
    /// Notes are made UTF-8.
    StoresText,
    /// Empty notes read as absent.
    EmptyNoteIsAbsent,
    /// Members are listed backwards.
    ListsBackwards,
    /// Sets of nobody have a member.
    ListsPhantoms,
    /// All sets are one.
    OneSetForAll,
    /// `.`, `-` and `_` in names are one.
    FoldsNames,
    /// The names of set and member are joined and cut apart again.
    JoinsNames,
    /// Names are cut at 150 bytes.
    CutsNames,
    /// Leaving does nothing.
    NeverLeaves,
    /// Leaving takes along what was delivered.
    LeaveForgetsDelivered,
    /// Leaving releases what is held, and that is all.
    LeaveOnlyReleases,
    /// A member that left cannot enter again.
    BuriesMembers,
    /// Leaving of an unknown member is an error.
    LeaveNeedsMember,
    /// Expiry counts delivered ids alone.
    CountsDelivered,
    /// The oldest id is as old as the time of expiry.
    InventsOldest,
    /// Expiry does nothing.
    NeverExpires,
    /// Expiry says again what it removed before.
    SumsExpired,
    /// Expiry of more than 1,000 ids removes none of them.
    ExpiresFew,
    /// Expiry releases what is held.
    ExpiresHeld,
    /// A new process finds nothing.
    ForgetsOnReopen,
}
