//! From any state: the schedule of a day without faults.

use super::actions::Action;
use super::driver::Run;
use super::rules::{Budget, Rules};
use super::world::World;

/// Far more than a hand-over with a reset needs.
const STEPS: usize = 300;

/// True where everything is delivered by a schedule in which nothing fails. A worker that is no member joins, what is
/// late arrives, what is abandoned times out.
pub(crate) fn heals(state: &World, rules: &Rules) -> bool {
    let mut world = World { budget: Budget::default(), ..state.clone() };
    if world.workers.iter().all(|w| w.stopped) {
        return true;
    }
    let mut actions = Vec::new();
    for _ in 0..STEPS {
        if world.delivered(rules) && world.group.committed == rules.records {
            return true;
        }
        actions.clear();
        let mut run = Run { world: &mut world, rules };
        run.actions(&mut actions);
        // What ends a wait first; an abandoned transaction only times out where nothing else can happen.
        let Some(next) = actions.iter().copied().min_by_key(rank) else { return false };
        run.act(next);
    }
    false
}

const fn rank(action: &Action) -> u8 {
    match action {
        Action::Arrive { .. } | Action::Mark { .. } => 0,
        Action::Lose(_) | Action::Publish(_) => 1,
        Action::Observe(_) => 2,
        Action::Confirm(_)
        | Action::AppendClaim(_)
        | Action::Fence { .. }
        | Action::Claimed { .. }
        | Action::Store(_) => 3,
        Action::Join(_) => 4,
        Action::Grow | Action::Read(_) => 5,
        Action::Due(_) => 6,
        Action::Expel(_) | Action::TimeOut { .. } => 7,
        Action::GiveUp(_)
        | Action::Crash(_)
        | Action::Shuffle
        | Action::Move(_)
        | Action::Expire(_)
        | Action::Stop(_) => 8,
    }
}
