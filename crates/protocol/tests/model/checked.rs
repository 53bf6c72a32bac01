//! The model as the checker sees it, and its properties.

use stateright::{Model, Property};

use super::actions::Action;
use super::driver::Run;
use super::heal::heals;
use super::rules::{Budget, Rules};
use super::world::World;

#[derive(Debug, Clone)]
pub(crate) struct Replication {
    pub(crate) rules: Rules,
    pub(crate) budget: Budget,
    /// Check from every state that it recovers once nothing fails any more.
    pub(crate) liveness: bool,
}

pub(crate) const ONCE: &str = "every source record is effective once at most, in order";
pub(crate) const NOTHING_LOST: &str = "everything in front of a committed position is effective";
pub(crate) const NOTHING_TORN: &str = "nothing is effective that no position covers";
pub(crate) const TRUE_CLAIM: &str = "an owner's claim finds the committed position";
pub(crate) const AGREED: &str = "the group's offset is the journal's position";
pub(crate) const NO_MISUSE: &str = "no machine refuses a call, no invariant breaks";
pub(crate) const HEALS: &str = "everything is delivered once nothing fails any more";

impl Model for Replication {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(&self.rules, self.budget)]
    }

    fn actions(&self, state: &World, actions: &mut Vec<Action>) {
        let mut world = state.clone();
        Run { world: &mut world, rules: &self.rules }.actions(actions);
    }

    fn next_state(&self, state: &World, action: Action) -> Option<World> {
        let mut world = state.clone();
        Run { world: &mut world, rules: &self.rules }.act(action);
        (world != *state).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(ONCE, |_, w: &World| w.once_and_in_order()),
            Property::always(NOTHING_LOST, |_, w: &World| w.nothing_lost()),
            Property::always(NOTHING_TORN, |_, w: &World| w.nothing_torn()),
            Property::always(TRUE_CLAIM, |_, w: &World| !w.wrong_claim),
            Property::always(AGREED, |_, w: &World| w.group_agrees()),
            Property::always(NO_MISUSE, |_, w: &World| !w.misuse),
            Property::sometimes("everything is delivered", |m: &Self, w: &World| w.delivered(&m.rules)),
            Property::sometimes("every fault is used and everything is delivered", |m: &Self, w: &World| {
                w.budget == Budget::default() && w.delivered(&m.rules)
            }),
        ];
        let b = self.budget;
        if self.rules.records > 1 && b.crashes + b.zombies + b.shuffles + b.stops > 0 {
            properties.push(Property::sometimes("a take-over is completed", |_, w: &World| w.taken_over()));
        }
        if self.liveness {
            properties.push(Property::always(HEALS, |m: &Self, w: &World| heals(w, &m.rules)));
        }
        properties
    }
}
