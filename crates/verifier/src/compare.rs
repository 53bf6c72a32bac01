//! The comparison itself: pure, fed with records of both sides, bounded in memory.

use std::collections::HashMap;

use crate::finding::{Counts, Finding, Kind};
use crate::fingerprint::Fingerprint;
use crate::history::History;
use crate::pending::Pending;
use crate::window::Window;

/// A record of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    pub(crate) offset: i64,
    pub(crate) print: Fingerprint,
}

impl Item {
    /// A record by its offset and content.
    #[must_use]
    pub const fn new(offset: i64, print: Fingerprint) -> Self {
        Self { offset, print }
    }
}

/// Source or sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Where records come from.
    Source,
    /// Where they have to stand.
    Sink,
}

impl Side {
    /// The name in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Sink => "sink",
        }
    }
}

/// Bounds of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Records of each side that are looked at ahead, once the sides differ, to tell the kinds apart. A record takes
    /// about 130 bytes there.
    pub window: usize,
    /// Findings kept per kind; the counts go on.
    pub examples: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { window: 131_072, examples: 10 }
    }
}

/// Compares the records of one partition.
///
/// While the sides agree it walks both in lock-step and keeps next to nothing. At a difference it looks ahead, up to
/// [`Limits::window`] records on each side, decides what the record in front is, and goes on. Ask
/// [`Comparer::wants`] which side to [`Comparer::feed`] next.
///
/// Equal content is equal: of two source records with the same key, value, headers and timestamp either may be the
/// one that is gone.
#[derive(Debug)]
pub struct Comparer {
    source: Window,
    sink: Window,
    history: History,
    missing: Pending,
    surplus: Pending,
    remaining: (u64, u64),
    limits: Limits,
    outcome: Outcome,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Counts by kind.
    pub counts: Counts,
    /// The first findings of each kind, without topic and partition.
    pub findings: Vec<Finding>,
    /// Records whose kind was decided before all that could explain them had been read: the difference is real, its
    /// kind may be another.
    pub uncertain: u64,
    /// Sink offsets, by content, that nothing in the window explained. Each is counted as unexpected until
    /// [`Outcome::explain`] meets its source record.
    unexplained: HashMap<u128, Vec<i64>>,
    kept: [usize; Kind::ALL.len()],
    limits: Limits,
}

impl Comparer {
    /// A comparison of one partition.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let pending = limits.window.saturating_mul(2).max(1);
        Self {
            source: Window::default(),
            sink: Window::default(),
            history: History::new(limits.window.max(1)),
            missing: Pending::new(pending),
            surplus: Pending::new(pending),
            remaining: (0, 0),
            limits: Limits { window: limits.window.max(2), ..limits },
            outcome: Outcome { limits, ..Outcome::default() },
        }
    }

    /// Which side to feed next; `None` when both have ended and everything is decided.
    #[must_use]
    pub fn wants(&self) -> Option<Side> {
        let hungry = |window: &Window, bound: usize| !window.ended() && window.len() < bound;
        // Both fronts are there only while they differ: then the windows fill.
        let differ = !self.source.is_empty() && !self.sink.is_empty();
        let bound = if differ { self.limits.window } else { 1 };
        match (hungry(&self.source, bound), hungry(&self.sink, bound)) {
            (true, true) if self.sink.len() < self.source.len() => Some(Side::Sink),
            (true, _) => Some(Side::Source),
            (false, true) => Some(Side::Sink),
            (false, false) => None,
        }
    }

    /// Takes the next record of a side.
    pub fn feed(&mut self, side: Side, item: Item) {
        match side {
            Side::Source => self.source.push(item),
            Side::Sink => self.sink.push(item),
        }
        self.advance();
    }

    /// Says that a side has no more records.
    pub fn end(&mut self, side: Side) {
        match side {
            Side::Source => self.source.end(),
            Side::Sink => self.sink.end(),
        }
        self.advance();
    }

    /// Says about how many records each side has yet to feed. Only a hint: where a gap is larger than the window, it
    /// tells on which side the gap is.
    pub fn remaining(&mut self, source: u64, sink: u64) {
        self.remaining = (source, sink);
    }

    /// The verdict on all that was fed. Call it once [`Comparer::wants`] says `None`.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        for (_, offset) in std::mem::replace(&mut self.missing, Pending::new(1)).drain() {
            self.outcome.report_missing(offset);
        }
        for (whole, offset) in self.surplus.drain() {
            match self.history.offset(whole) {
                Some(source) => self.outcome.report_duplicate(source, offset),
                None => self.outcome.report_unexpected(whole, offset),
            }
        }
        self.outcome
    }

    /// Source records that stand in the sink so far, in order and unchanged.
    #[must_use]
    pub const fn matched(&self) -> u64 {
        self.outcome.counts.matched
    }

    fn advance(&mut self) {
        loop {
            match (self.source.front().copied(), self.sink.front().copied()) {
                (Some(source), Some(sink)) if source.print.whole == sink.print.whole => {
                    self.source.pop();
                    self.sink.pop();
                    self.matched_pair(&source);
                }
                (Some(source), Some(sink)) => {
                    if !self.is_visible(&self.source) || !self.is_visible(&self.sink) {
                        return;
                    }
                    self.decide(&source, &sink);
                }
                (Some(source), None) if self.sink.ended() => self.lost(&source),
                (None, Some(sink)) if self.source.ended() => self.extra(&sink),
                _ => return,
            }
        }
    }

    /// True once the window shows as much of its side as it may.
    fn is_visible(&self, window: &Window) -> bool {
        window.ended() || window.len() >= self.limits.window
    }

    fn matched_pair(&mut self, source: &Item) {
        self.outcome.counts.matched += 1;
        if let Some(earlier) = self.surplus.take(source.print.whole) {
            self.outcome.report_duplicate(source.offset, earlier);
        }
        self.history.push(source);
    }

    /// The fronts differ and both windows are as full as they get: takes at least one record off.
    fn decide(&mut self, source: &Item, sink: &Item) {
        let to_source = self.sink.distance(source.print.whole);
        let to_sink = self.source.distance(sink.print.whole);
        match (to_source, to_sink) {
            // A run that was written twice, and here stands before its turn.
            (Some(_), Some(_))
                if self.sink.has_twin(sink.print.whole) && !self.source.has_twin(sink.print.whole) =>
            {
                self.extra(sink);
            }
            // Displaced on both sides: take off the shorter run.
            (Some(in_sink), Some(in_source)) if in_source < in_sink => self.lost(source),
            (Some(_), Some(_) | None) => self.extra(sink),
            (None, Some(_)) => self.lost(source),
            (None, None) => self.decide_strangers(source, sink),
        }
    }

    /// Neither front appears on the other side's window.
    fn decide_strangers(&mut self, source: &Item, sink: &Item) {
        let whole = sink.print.whole;
        if self.missing.contains(whole) || self.history.offset(whole).is_some() {
            self.extra(sink);
        } else if self.surplus.contains(source.print.whole) {
            self.lost(source);
        } else if self.next_agree() || source.print.resembles(&sink.print) {
            self.source.pop();
            self.sink.pop();
            self.outcome.report_changed(source, sink);
        } else {
            // A gap wider than the window, or two strangers: the longer side has the records that the other lacks.
            let ahead = |remaining: u64, window: &Window| remaining.saturating_add(window.len() as u64);
            let source_left = ahead(self.remaining.0, &self.source);
            let sink_left = ahead(self.remaining.1, &self.sink);
            if source_left >= sink_left {
                self.lost(source);
            }
            if sink_left >= source_left {
                self.extra(sink);
            }
        }
    }

    /// True if the records after the fronts are equal, or neither side has any.
    fn next_agree(&self) -> bool {
        match (self.source.second(), self.sink.second()) {
            (Some(source), Some(sink)) => source.print.whole == sink.print.whole,
            (None, None) => true,
            _ => false,
        }
    }

    /// The source's front is not at this place of the sink.
    fn lost(&mut self, source: &Item) {
        self.source.pop();
        if let Some(sink) = self.surplus.take(source.print.whole) {
            self.outcome.report_reordered(source.offset, sink);
            self.history.push(source);
        } else if let Some((_, offset)) = self.missing.put(source) {
            self.outcome.uncertain += 1;
            self.outcome.report_missing(offset);
        }
    }

    /// The sink's front is not at this place of the source.
    fn extra(&mut self, sink: &Item) {
        self.sink.pop();
        if let Some(source) = self.missing.take(sink.print.whole) {
            self.outcome.report_reordered(source, sink.offset);
            self.history.push(&Item { offset: source, print: sink.print });
        } else if let Some(source) = self.history.offset(sink.print.whole) {
            self.outcome.report_duplicate(source, sink.offset);
        } else if let Some((whole, offset)) = self.surplus.put(sink) {
            self.outcome.uncertain += 1;
            self.outcome.report_unexpected(whole, offset);
        }
    }
}

impl Outcome {
    /// True if some sink records are still unexplained: a second pass over the source, one [`Outcome::explain`] per
    /// record, tells duplicates of records that had left the window from foreign ones.
    #[must_use]
    pub fn needs_explanation(&self) -> bool {
        !self.unexplained.is_empty()
    }

    /// Takes a source record of the second pass.
    pub fn explain(&mut self, source: &Item) {
        for sink in self.unexplained.remove(&source.print.whole).unwrap_or_default() {
            self.counts.unexpected -= 1;
            let before = self.findings.len();
            self.findings.retain(|one| one.kind != Kind::Unexpected || one.sink_offset != Some(sink));
            if let Some(kept) = self.kept.get_mut(Kind::Unexpected as usize) {
                *kept -= before - self.findings.len();
            }
            self.report_duplicate(source.offset, sink);
        }
    }

    fn report_missing(&mut self, source: i64) {
        self.report(Kind::Missing, Some(source), None, || {
            format!("source offset {source} is not in the sink")
        });
    }

    fn report_duplicate(&mut self, source: i64, sink: i64) {
        self.report(Kind::Duplicated, Some(source), Some(sink), || {
            format!("sink offset {sink} holds source offset {source} once more")
        });
    }

    fn report_reordered(&mut self, source: i64, sink: i64) {
        self.report(Kind::Reordered, Some(source), Some(sink), || {
            format!("source offset {source} stands out of order at sink offset {sink}")
        });
    }

    fn report_changed(&mut self, source: &Item, sink: &Item) {
        let (source, sink) = (*source, *sink);
        self.report(Kind::Changed, Some(source.offset), Some(sink.offset), || {
            let difference = source.print.difference(&sink.print);
            format!("source offset {} is sink offset {}, but {difference}", source.offset, sink.offset)
        });
    }

    fn report_unexpected(&mut self, whole: u128, sink: i64) {
        let bound = self.limits.window.saturating_mul(2).max(2);
        if self.unexplained.len() < bound || self.unexplained.contains_key(&whole) {
            self.unexplained.entry(whole).or_default().push(sink);
        } else {
            self.uncertain += 1;
        }
        self.report(Kind::Unexpected, None, Some(sink), || {
            format!("sink offset {sink} holds a record that the source does not have")
        });
    }

    fn report(&mut self, kind: Kind, source: Option<i64>, sink: Option<i64>, what: impl FnOnce() -> String) {
        *self.counts.of_mut(kind) += 1;
        if let Some(kept) = self.kept.get_mut(kind as usize)
            && *kept < self.limits.examples
        {
            *kept += 1;
            self.findings.push(Finding {
                kind,
                topic: String::new(),
                partition: 0,
                source_offset: source,
                sink_offset: sink,
                what: what(),
            });
        }
    }
}
