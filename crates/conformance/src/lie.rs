//! Ways for a store to break its contract.

/// One thing that a [`LyingStore`](crate::LyingStore) does wrong; everything else it does right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lie {
    /// Reads of absent keys give an empty value.
    InventsValues,
    /// Reads answer in the order of the keys, not of the question.
    AnswersSorted,
    /// Reads leave absent keys out.
    SkipsAbsent,
    /// Reads answer a key once that was asked twice.
    AnswersOnce,
    /// Every second read is answered as it would have been before the last commit.
    ReadsStale,
    /// Values are made UTF-8.
    StoresText,
    /// Empty values read as absent.
    EmptyIsAbsent,
    /// Values are cut at 64 KiB.
    CutsValues,
    /// `.`, `-` and `_` in keys are one.
    FoldsKeys,
    /// Keys are cut at 200 bytes.
    CutsKeys,
    /// Commits answer `Applied` and write nothing.
    OnlyPretends,
    /// `expected: None` overwrites.
    CreateOverwrites,
    /// Versions are not compared.
    IgnoresVersions,
    /// An expected version creates an absent key.
    ExpectedCreates,
    /// A conflict does not say what stands.
    ConflictIsMute,
    /// A conflict writes the root all the same.
    ConflictWrites,
    /// A repeated commit conflicts.
    RepeatConflicts,
    /// The answered version is not the one that stands.
    GuessesVersions,
    /// The version is made of the value alone.
    VersionIsContent,
    /// Puts appear with the next commit.
    PutsLate,
    /// Puts after the eighth are dropped.
    DropsPuts,
    /// A put of an equal value a second time is an error.
    RefusesEqualPuts,
    /// Puts of a conflict stay, and stand in the way of the same puts later.
    RefusesPutsOfConflicts,
    /// All roots share one version.
    OneVersionForAll,
    /// Comparing and setting are two steps.
    ComparesThenSets,
    /// Deletes do nothing.
    NeverDeletes,
    /// Deleting an absent key is an error.
    DeleteNeedsKey,
    /// Deletes take everything with the key as prefix.
    DeletesByPrefix,
    /// A deleted key stays deleted.
    BuriesKeys,
    /// Lists descend.
    ListsBackwards,
    /// `_` in a prefix matches any character.
    WildcardPrefix,
    /// `after` is part of the answer.
    AfterIsIncluded,
    /// `max` is ignored.
    IgnoresMax,
    /// Lists show no roots.
    HidesRoots,
    /// Lists of nothing show something.
    ListsPhantoms,
    /// `attest` refuses what `guarantees` claims.
    AttestRefuses,
    /// The claim changes from call to call.
    ClaimWavers,
    /// The claim has limits that no job can work with.
    ClaimsNothing,
    /// `health_check` never returns.
    HealthHangs,
    /// A new process finds nothing.
    ForgetsOnReopen,
    /// A new process numbers versions anew.
    RenumbersOnReopen,
    /// Oversized values and too many puts are taken in part.
    TakesTooMuch,
    /// Each third commit is answered with `Applied` and forgotten.
    ForgetsCommits,
    /// The version is a count that begins anew with each creation of its key.
    CountsVersions,
    /// Deletes take the next key along.
    DeletesNeighbours,
    /// Only the first page of a list has entries.
    ListsFirstPage,
}
