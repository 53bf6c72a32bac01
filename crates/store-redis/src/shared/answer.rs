//! What the scripts of a set answer.

use redis::{ErrorKind, RedisError, Value, from_redis_value};
use velostream_core::{Epoch, Expired, InTurn, Member, MemberState, Nonce, SharedId, Taking, Turn};

use crate::Error;
use crate::doing::{Doing, failed};

/// The parts of an answer, with what errors have to name.
#[derive(Debug)]
pub(crate) struct Answer {
    doing: Doing,
    server: String,
    verdict: String,
    parts: std::vec::IntoIter<Value>,
}

impl Answer {
    pub(crate) fn of(doing: Doing, server: String, answer: Value) -> Result<Self, Error> {
        let parts = from_redis_value::<Vec<Value>>(answer);
        let mut parts = parts.map_err(|error| failed(doing, &server, error.into()))?.into_iter();
        let verdict = from_redis_value(parts.next().unwrap_or(Value::Nil));
        let verdict = verdict.map_err(|error| failed(doing, &server, error.into()))?;
        Ok(Self { doing, server, verdict, parts })
    }

    /// Who has answered.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// True where nothing was written: it waits for no replica.
    pub(crate) fn is_of_no_effect(&self) -> bool {
        matches!(self.verdict.as_str(), "stale" | "held" | "nothing")
    }

    /// A call of the present turn, whose answer `done` reads.
    pub(crate) fn in_turn<T>(
        mut self,
        member: &Member,
        done: impl FnOnce(Self) -> Result<T, Error>,
    ) -> Result<InTurn<T>, Error> {
        if self.verdict != "stale" {
            return Ok(InTurn::Done(done(self)?));
        }
        let standing: Option<Vec<u8>> = self.next()?;
        Ok(InTurn::Stale(standing.map(|standing| self.turn(member, &standing)).transpose()?))
    }

    /// Nothing but that it was done.
    pub(crate) fn done(self) -> Result<(), Error> {
        match self.verdict.as_str() {
            "done" => Ok(()),
            _ => Err(self.unknown()),
        }
    }

    pub(crate) fn state(mut self, member: &Member) -> Result<MemberState, Error> {
        if self.verdict != "done" {
            return Err(self.unknown());
        }
        let turn: Vec<u8> = self.next()?;
        let turn = self.turn(member, &turn)?;
        let (settled, promised): (Option<Vec<u8>>, Option<Vec<u8>>) = (self.next()?, self.next()?);
        let bytes: u64 = self.next()?;
        let id_bytes = u64::try_from(size_of::<SharedId>()).unwrap_or(u64::MAX);
        if !bytes.is_multiple_of(id_bytes) {
            return Err(self.corrupt(member, "its list ends within an id"));
        }
        let (settled, promised) = (settled.map(Into::into), promised.map(Into::into));
        Ok(MemberState { turn, settled, promised, held: bytes / id_bytes })
    }

    /// The answer to a taking of `asked` ids.
    pub(crate) fn taking(mut self, asked: usize) -> Result<Taking, Error> {
        match self.verdict.as_str() {
            "held" => Ok(Taking::Held { by: self.next()? }),
            "taken" => {
                let total = self.next()?;
                let mut delivered = vec![None; asked];
                while self.parts.len() > 0 {
                    let (at, at_ms) = (self.next::<usize>()?, self.next::<i64>()?);
                    match delivered.get_mut(at) {
                        Some(place) => *place = Some(at_ms),
                        None => return Err(self.unknown()),
                    }
                }
                Ok(Taking::Taken { delivered, total })
            }
            _ => Err(self.unknown()),
        }
    }

    /// What is left after a portion, and whether more may be due.
    pub(crate) fn expired(mut self) -> Result<(Expired, bool), Error> {
        if !matches!(self.verdict.as_str(), "done" | "nothing") {
            return Err(self.unknown());
        }
        let (removed, more) = (self.next()?, self.next()?);
        Ok((Expired { removed, left: self.next()?, oldest_ms: self.next()? }, more))
    }

    fn next<T: redis::FromRedisValue>(&mut self) -> Result<T, Error> {
        let part = from_redis_value(self.parts.next().unwrap_or(Value::Nil));
        part.map_err(|error| failed(self.doing, &self.server, error.into()))
    }

    fn turn(&self, member: &Member, stored: &[u8]) -> Result<Turn, Error> {
        parsed(stored).ok_or_else(|| self.corrupt(member, "its turn is not one"))
    }

    fn unknown(&self) -> Error {
        let unknown = (ErrorKind::UnexpectedReturnType, "the script's answer is not one of ours");
        failed(self.doing, &self.server, RedisError::from(unknown))
    }

    fn corrupt(&self, member: &Member, why: &'static str) -> Error {
        Error::CorruptValue { server: self.server.clone(), key: member.to_string(), why }
    }
}

/// The opposite of [`written`](super::scripts::written).
fn parsed(stored: &[u8]) -> Option<Turn> {
    let text = std::str::from_utf8(stored).ok().filter(|text| text.len() == 60)?;
    let number = |from: usize| text.get(from..from.checked_add(20)?)?.parse().ok();
    Some(Turn { epoch: Epoch(number(0)?), nonce: Nonce(number(20)?), number: number(40)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::scripts::written;

    #[test]
    fn turn_written_is_read_again_and_nothing_else_is() {
        for number in [0, 1, u64::MAX] {
            let turn = Turn { epoch: Epoch(number), nonce: Nonce(u64::MAX - number), number };
            assert_eq!(parsed(written(turn).as_bytes()), Some(turn));
        }
        for stored in [&b""[..], &[b'1'; 59], &[b'9'; 60], &[b' '; 60], &[0xff; 60]] {
            assert_eq!(parsed(stored), None, "{stored:?}");
        }
    }
}
