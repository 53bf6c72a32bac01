//! Leaders and coordinators move because brokers leave, come back, or are preferred.

use anyhow::Result;

use crate::Test;
use crate::coordinators::{of_group, of_lane};
use crate::load::{await_progress, survives};
use crate::stage::Stage;

pub(crate) const TESTS: [Test; 2] = [
    ("moves::brokers_killed_and_leaders_moved_back_lose_and_double_nothing", killed),
    ("moves::rolling_restart_of_both_clusters_loses_and_doubles_nothing", rolling),
];

/// Each time a broker of the source dies too, and both sides' leaders move back once they are in sync.
fn killed(stage: &mut Stage) -> Result<()> {
    survives(stage, "killed", 41, |stage, scene, _| {
        let victims = [of_group(&scene.sink, &scene.name)?, of_lane(&scene.sink, &scene.name, "w0")?];
        for (sink_victim, partition) in victims.into_iter().zip(0..) {
            let source_victim = stage.source.leader(&scene.name, partition)?;
            stage.sink.node(sink_victim)?.kill()?;
            stage.source.node(source_victim)?.kill()?;
            stage.sink.await_replaced(sink_victim)?;
            stage.source.await_replaced(source_victim)?;
            await_progress(&stage.sink.others(sink_victim), &scene.name)?;
            stage.sink.node(sink_victim)?.start()?;
            stage.source.node(source_victim)?.start()?;
            stage.sink.await_in_sync()?;
            stage.source.await_in_sync()?;
            stage.sink.elect_preferred()?;
            stage.source.elect_preferred()?;
        }
        Ok(())
    })
}

fn rolling(stage: &mut Stage) -> Result<()> {
    survives(stage, "rolling", 43, |stage, _, _| {
        for id in 1..=3 {
            stage.sink.node(id)?.restart()?;
            stage.source.node(id)?.restart()?;
            stage.sink.await_in_sync()?;
            stage.source.await_in_sync()?;
        }
        Ok(())
    })
}
