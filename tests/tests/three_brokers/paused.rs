//! Brokers that stop answering, are replaced, and go on without knowing it.

use anyhow::Result;
use velostream_testkit::nemesis::{PATIENCE, Worker, ends_well};

use crate::Test;
use crate::coordinators::{of_group, of_lane};
use crate::load::{await_progress, survives};
use crate::stage::{Stage, impatient};

pub(crate) const TESTS: [Test; 1] =
    [("paused::leaders_and_coordinators_that_were_replaced_are_not_believed", paused)];

/// A worker that knows no other broker than the replaced one starts as that one goes on: it gets to hear who led what,
/// and claims from there.
fn paused(stage: &mut Stage) -> Result<()> {
    survives(stage, "paused", 47, |stage, scene, _| {
        let victims = [of_group(&scene.sink, &scene.name)?, of_lane(&scene.sink, &scene.name, "w1")?];
        for (sink_victim, partition) in victims.into_iter().zip(0..) {
            let source_victim = stage.source.leader(&scene.name, partition)?;
            stage.sink.node(sink_victim)?.pause()?;
            stage.source.node(source_victim)?.pause()?;
            stage.sink.await_replaced(sink_victim)?;
            stage.source.await_replaced(source_victim)?;
            await_progress(&stage.sink.others(sink_victim), &scene.name)?;
            let mut job = impatient(&scene.job())
                .source(&format!("bootstrap_servers: \"{}\"", stage.source.node(source_victim)?.bootstrap()))
                .sink(&format!("bootstrap_servers: \"{}\"", stage.sink.node(sink_victim)?.bootstrap()));
            job.dir = scene.dir().join("late");
            std::fs::create_dir_all(&job.dir)?;
            let mut late = Worker::of(&job.state_dir(&scene.dir().join("state")), "late")?;
            stage.sink.node(sink_victim)?.resume()?;
            stage.source.node(source_victim)?.resume()?;
            late.await_log("claimed splits=", PATIENCE)?;
            await_progress(&stage.sink.bootstrap(), &scene.name)?;
            ends_well(&late.terminate(PATIENCE)?)?;
        }
        Ok(())
    })
}
