//! The faults of a round.

use std::time::Duration;

use super::{Blow, Matrix, Tally, Tamper};
use crate::load::Random;
use crate::proxy::{Api, Direction, ProtocolState};

/// One fault, with all that is left to chance about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike {
    /// What is done.
    pub blow: Blow,
    /// What the worker is to be doing then. Faults of frames come whenever the frame does.
    pub state: ProtocolState,
    /// Whether the worker is held in that state by the proxy until the blow came, else it is only awaited.
    pub gated: bool,
    /// Whether it is the request or the reply that holds it.
    pub way: Direction,
    /// Which of several requests, and whatever else is a choice.
    pub choice: usize,
    /// Requests of the kind that pass before.
    pub skip: u64,
    /// How long after the blow what was held gets through.
    pub lag: Duration,
    /// How long a killed worker or broker stays away.
    pub rest: Duration,
}

/// How many of each kind a round has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// kill -9.
    pub kills: usize,
    /// Pauses past a take-over.
    pub pauses: usize,
    /// Cuts of the network.
    pub cuts: usize,
    /// Broker restarts.
    pub restarts: usize,
    /// Single frames.
    pub frames: usize,
}

impl Default for Mix {
    fn default() -> Self {
        Self { kills: 40, pauses: 11, cuts: 14, restarts: 3, frames: 20 }
    }
}

/// Where a zombie has something to lose.
const OWNING: [ProtocolState; 5] = [
    ProtocolState::Claiming,
    ProtocolState::Writing,
    ProtocolState::Storing,
    ProtocolState::Ending,
    ProtocolState::Between,
];
/// So often each state meets a pause before the pauses go where zombies have something to lose.
const PAUSES_EACH: u64 = 2;

/// The faults of a round: a function of seed, round and what was met before. What was met least comes first, and the
/// order is shuffled.
#[must_use]
pub fn plan(seed: u64, round: u64, before: &Tally, mix: Mix) -> Vec<Strike> {
    let mut random = Random::new(seed, round);
    let (mut states, mut frames) = (before.states.clone(), before.frames.clone());
    let stately = |fits: fn(&Blow) -> bool| Blow::stately().into_iter().filter(fits).collect::<Vec<_>>();
    let kinds = [
        (mix.kills, stately(|blow| *blow == Blow::Kill)),
        (mix.pauses, stately(|blow| *blow == Blow::Pause)),
        (mix.cuts, stately(|blow| matches!(blow, Blow::Cut(..)))),
        (mix.restarts, stately(|blow| matches!(blow, Blow::Restart(_)))),
    ];
    let mut strikes = Vec::new();
    for (count, blows) in kinds {
        for _ in 0..count {
            if let Some((blow, state)) = least(&states, &blows, &mut random) {
                states.add(blow, state, 1);
                strikes.push(Strike::new(blow, state, &mut random));
            }
        }
    }
    for number in 0..mix.frames {
        if let Some(blow) = least_frame(&frames, number % 2 == 0, &mut random) {
            if let Blow::Frame(tamper, api) = blow {
                frames.add(tamper, api, 1);
            }
            strikes.push(Strike::new(blow, ProtocolState::Writing, &mut random));
        }
    }
    for last in (1..strikes.len()).rev() {
        strikes.swap(last, random.index(last + 1));
    }
    strikes
}

/// A cell that was met least, one of several by chance.
fn least(states: &Matrix, blows: &[Blow], random: &mut Random) -> Option<(Blow, ProtocolState)> {
    let all = blows.iter().flat_map(|blow| ProtocolState::ALL.map(|state| (*blow, state)));
    let mut cells: Vec<(Blow, ProtocolState)> = all.collect();
    let count = |cell: &(Blow, ProtocolState)| states.count(cell.0, cell.1);
    let fewest = cells.iter().map(count).min()?;
    if blows == [Blow::Pause] && fewest >= PAUSES_EACH {
        cells.retain(|cell| OWNING.contains(&cell.1));
        return cells.get(random.index(cells.len())).copied();
    }
    cells.retain(|cell| count(cell) == fewest);
    cells.get(random.index(cells.len())).copied()
}

/// `late` asks for what makes a commit arrive late or twice: the faults that ruin other clients.
fn least_frame(frames: &Matrix, late: bool, random: &mut Random) -> Option<Blow> {
    let mut blows = Blow::frames();
    if late {
        blows.retain(|blow| {
            let Blow::Frame(tamper, api) = blow else { return false };
            matches!(tamper, Tamper::Held | Tamper::Doubled)
                && matches!(api, Api::EndTxn | Api::TxnOffsetCommit)
        });
    }
    let count = |blow: &Blow| match blow {
        Blow::Frame(tamper, api) => frames.count(tamper, api),
        _ => u64::MAX,
    };
    let fewest = blows.iter().map(count).min()?;
    blows.retain(|blow| count(blow) == fewest);
    blows.get(random.index(blows.len())).copied()
}

impl Strike {
    fn new(blow: Blow, state: ProtocolState, random: &mut Random) -> Self {
        use ProtocolState::{Fencing, Identity, Leaving, Starting, Syncing};
        let short = matches!(state, Starting | Syncing | Identity | Fencing | Leaving);
        let steady = matches!(state, ProtocolState::Writing | ProtocolState::Storing | ProtocolState::Ending);
        let gated = short || !random.one_in(3);
        let way = if random.one_in(2) { Direction::ToBroker } else { Direction::FromBroker };
        let choice = random.index(1 << 16);
        let skip = if steady { random.below(8) } else { 0 };
        let lag = Duration::from_millis(if random.one_in(2) { random.below(1_500) } else { 0 });
        // Half of the killed come back before their session ends, half after.
        let late = if random.one_in(2) { 2_200 } else { 0 };
        let rest = Duration::from_millis(late + random.below(800));
        Self { blow, state, gated, way, choice, skip, lag, rest }
    }
}

#[cfg(test)]
mod tests {
    use super::{Mix, plan};
    use crate::nemesis::{Blow, Tally};

    #[test]
    fn plan_of_a_seed_and_round_is_always_the_same() {
        let before = Tally::new();
        let mix = Mix::default();
        assert_eq!(plan(7, 3, &before, mix), plan(7, 3, &before, mix));
        assert_ne!(plan(7, 3, &before, mix), plan(7, 4, &before, mix));
        assert_ne!(plan(7, 3, &before, mix), plan(8, 3, &before, mix));
    }

    #[test]
    fn plans_of_eight_rounds_fill_every_cell_and_no_cut_is_met_thrice() {
        let mut tally = Tally::new();
        for round in 0..8 {
            for strike in plan(1, round, &tally.clone(), Mix::default()) {
                match strike.blow {
                    Blow::Frame(tamper, api) => tally.frames.add(tamper, api, 1),
                    blow => tally.states.add(blow, strike.state, 1),
                }
            }
        }
        assert_eq!(tally.states.empty(), Vec::<String>::new());
        assert_eq!(tally.frames.empty(), Vec::<String>::new());
        let cuts: Vec<u64> =
            tally.states.cells().filter(|(row, _, _)| row.contains(" cut, ")).map(|(_, _, n)| n).collect();
        assert!(cuts.iter().all(|count| (1..=2).contains(count)), "{cuts:?}");
    }
}
