//! Parameters and rows of the statements of shared ids.

use std::collections::HashMap;

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use velostream_core::{Epoch, Member, MemberState, Nonce, SharedId, Turn};

use crate::Error;
use crate::codec::{open, signed, unsigned};
use crate::session::Parameter;
use crate::store::get;

/// The first five parameters.
#[derive(Debug)]
pub(super) struct Key<'a> {
    set: &'a str,
    name: &'a str,
    epoch: i64,
    nonce: i64,
    number: i64,
}

impl<'a> Key<'a> {
    pub(super) fn of(member: &'a Member) -> Self {
        Self { set: member.set(), name: member.name(), epoch: 0, nonce: 0, number: 0 }
    }

    pub(super) fn in_turn(member: &'a Member, turn: Turn) -> Self {
        let (epoch, nonce, number) = (signed(turn.epoch.0), signed(turn.nonce.0), signed(turn.number));
        Self { epoch, nonce, number, ..Self::of(member) }
    }

    pub(super) fn set(&self) -> Vec<Parameter<'_>> {
        vec![(&self.set, Type::TEXT)]
    }

    pub(super) fn member(&self) -> Vec<Parameter<'_>> {
        vec![(&self.set, Type::TEXT), (&self.name, Type::TEXT)]
    }

    pub(super) const fn number(&self) -> Parameter<'_> {
        (&self.number, Type::INT8)
    }

    pub(super) fn turn(&self) -> Vec<Parameter<'_>> {
        self.member_and([(&self.epoch as _, Type::INT8), (&self.nonce as _, Type::INT8), self.number()])
    }

    pub(super) fn member_and<'b>(
        &'b self,
        more: impl IntoIterator<Item = Parameter<'b>>,
    ) -> Vec<Parameter<'b>> {
        self.member().into_iter().chain(more).collect()
    }

    pub(super) fn turn_and<'b>(
        &'b self,
        more: impl IntoIterator<Item = Parameter<'b>>,
    ) -> Vec<Parameter<'b>> {
        self.turn().into_iter().chain(more).collect()
    }
}

/// Where an id stands: held or dated.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) holder: Option<&'a str>,
    pub(super) at_ms: Option<i64>,
}

/// The first row of an answer.
pub(super) fn first(answers: &[Vec<Row>], index: usize) -> Option<&Row> {
    answers.get(index).and_then(|rows| rows.first())
}

/// The turn that stands, by its answer.
pub(super) fn standing(
    answers: &[Vec<Row>],
    index: usize,
    call: &'static str,
) -> Result<Option<Turn>, Error> {
    first(answers, index).map(|row| turn(row, call)).transpose()
}

fn turn(row: &Row, call: &'static str) -> Result<Turn, Error> {
    Ok(Turn {
        epoch: Epoch(unsigned(get(row, 0, call)?)),
        nonce: Nonce(unsigned(get(row, 1, call)?)),
        number: unsigned(get(row, 2, call)?),
    })
}

pub(super) fn state(row: &Row, call: &'static str, member: &Member) -> Result<MemberState, Error> {
    let corrupt = || Error::CorruptValue { key: member.to_string() };
    let note =
        |sealed: Option<&[u8]>| sealed.map(|sealed| open(member, sealed).ok_or_else(corrupt)).transpose();
    Ok(MemberState {
        turn: turn(row, call)?,
        settled: note(get(row, 3, call)?)?,
        promised: note(get(row, 4, call)?)?,
        held: count(row, 5, call, member.set())?,
    })
}

/// Where the known ids of a taking stand, and the set's new total where it was granted.
pub(super) fn known<'a>(
    rows: &'a [Row],
    call: &'static str,
    member: &Member,
) -> Result<(HashMap<SharedId, Place<'a>>, Option<u64>), Error> {
    let mut places = HashMap::with_capacity(rows.len());
    let mut total = None;
    for row in rows {
        match get::<Option<&[u8]>>(row, 0, call)? {
            Some(id) => {
                let corrupt = |_| Error::CorruptValue { key: member.set().to_owned() };
                let id = SharedId::try_from(id).map_err(corrupt)?;
                places.insert(id, Place { holder: get(row, 1, call)?, at_ms: get(row, 2, call)? });
            }
            None => total = Some(count(row, 3, call, member.set())?),
        }
    }
    Ok((places, total))
}

/// A number of ids, which is never below zero.
pub(super) fn count(row: &Row, index: usize, call: &'static str, set: &str) -> Result<u64, Error> {
    let found: i64 = get(row, index, call)?;
    u64::try_from(found).map_err(|_| Error::CorruptValue { key: set.to_owned() })
}
