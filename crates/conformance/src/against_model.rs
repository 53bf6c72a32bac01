//! Sets of shared ids beside their model: the same calls, the same answers.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use velostream_core::{Epoch, Member, Nonce, Result, Settlement, SharedId, SharedIds, Turn};

const MEMBERS: [&str; 3] = ["a", "b", "c-1"];

/// Few, so that members want the same ones.
const IDS: u8 = 12;

/// Makes `calls` calls, chosen by `seed`, of both stores on a set that both know alike; the first difference, or error,
/// ends it.
///
/// # Errors
/// What was called, and what each of them answered.
pub async fn agree(
    model: &dyn SharedIds,
    store: &dyn SharedIds,
    set: &str,
    seed: u64,
    calls: usize,
) -> Result<(), String> {
    let members: Result<Vec<_>, _> = MEMBERS.iter().map(|name| Member::new(set, name)).collect();
    let members = members.map_err(|error| error.to_string())?;
    let mut random = StdRng::seed_from_u64(seed);
    for number in 0..calls {
        let Some(member) = members.choose(&mut random) else { continue };
        let standing = model.member(member).await.map_err(|error| error.to_string())?.map(|state| state.turn);
        let call = Call::any(&mut random, standing);
        let (wanted, found) = (call.make(model, member).await, call.make(store, member).await);
        let mut differ = wanted != found;
        let (mut wanted, mut found) = (vec![wanted], vec![found]);
        for member in &members {
            wanted.push(shown(model.member(member).await));
            found.push(shown(store.member(member).await));
        }
        wanted.push(shown(model.members(set).await));
        found.push(shown(store.members(set).await));
        differ |= wanted != found;
        if differ {
            return Err(format!(
                "seed {seed}, call {number}, {member}: {call:?}\nmodel: {wanted:#?}\nstore: {found:#?}"
            ));
        }
    }
    Ok(())
}

#[derive(Debug)]
enum Call {
    Enter(Epoch, Nonce),
    Take(Turn, Vec<SharedId>, i64),
    Promise(Turn, Bytes),
    Settle(Turn, Settlement),
    Leave,
    Expire(i64),
}

impl Call {
    fn any(random: &mut StdRng, standing: Option<Turn>) -> Self {
        let turn = turn(random, standing);
        match random.random_range(0..20) {
            0..4 => {
                // Epochs above the middle of 64 bits are larger than those below, whatever a column makes of them.
                let epochs = [turn.epoch, Epoch(turn.epoch.0.saturating_add(1)), Epoch(1 << 63), Epoch(1)];
                let epoch = epochs.choose(random).copied().unwrap_or(turn.epoch);
                Self::Enter(epoch, if random.random_bool(0.2) { Nonce(u64::MAX) } else { turn.nonce })
            }
            4..11 => {
                let ids = (0..random.random_range(0..6)).map(|_| [random.random_range(0..IDS); 16]).collect();
                Self::Take(turn, ids, time(random))
            }
            11..13 => Self::Promise(turn, note(random)),
            13..16 => Self::Settle(turn, Settlement::Delivered { at_ms: time(random), note: note(random) }),
            16..18 => Self::Settle(turn, Settlement::Released),
            18 => Self::Leave,
            _ => Self::Expire(time(random)),
        }
    }

    async fn make(&self, store: &dyn SharedIds, member: &Member) -> String {
        match self {
            Self::Enter(epoch, nonce) => shown(store.enter(member, *epoch, *nonce).await),
            Self::Take(turn, ids, expired_ms) => shown(store.take(member, *turn, ids, *expired_ms).await),
            Self::Promise(turn, note) => shown(store.promise(member, *turn, note.clone()).await),
            Self::Settle(turn, how) => shown(store.settle(member, *turn, how.clone()).await),
            Self::Leave => shown(store.leave(member).await),
            Self::Expire(until_ms) => shown(store.expire(member.set(), *until_ms).await),
        }
    }
}

/// Mostly the standing one, else one that never stood, does not yet, or does not any more.
fn turn(random: &mut StdRng, standing: Option<Turn>) -> Turn {
    let Turn { epoch, nonce, number } =
        standing.unwrap_or(Turn { epoch: Epoch(1), nonce: Nonce(7), number: 1 });
    match random.random_range(0..16) {
        0 => Turn { epoch, nonce, number: number.saturating_add(1) },
        1 | 2 => Turn { epoch, nonce, number: number.saturating_sub(1) },
        3 => Turn { epoch, nonce: Nonce(nonce.0 ^ 1), number },
        4 => Turn { epoch: Epoch(epoch.0 ^ 1), nonce, number },
        _ => Turn { epoch, nonce, number },
    }
}

fn time(random: &mut StdRng) -> i64 {
    random.random_range(-5..30)
}

fn note(random: &mut StdRng) -> Bytes {
    (0..random.random_range(0..5)).map(|_| random.random::<u8>()).collect::<Vec<_>>().into()
}

fn shown<T: std::fmt::Debug>(answer: Result<T>) -> String {
    format!("{answer:?}")
}
