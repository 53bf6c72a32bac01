//! An unclean election takes committed records of the sink away: of a destination, or of the journal.

use anyhow::{Context as _, Result, ensure};
use velostream_testkit::load::{LoadPlan, create_topic, end_offsets, produce};
use velostream_testkit::nemesis::{Job, NO_EXPIRY, PATIENCE, Scene, Worker};

use crate::Test;
use crate::expect::refusal;
use crate::side::eventually;
use crate::stage::{Stage, impatient};

pub(crate) const TESTS: [Test; 1] =
    [("sink_truncated::committed_records_that_the_sink_lost_stop_the_job_by_name", truncated)];

const BOTH: u64 = 600;
const LOST: u64 = 50;

/// A job whose sink is about to lose something.
struct Victim {
    scene: Scene,
    job: Job,
    /// The topic that loses records.
    losable: String,
    worker: Worker,
}

impl Victim {
    fn start(stage: &Stage, name: &str, losable: &str, config: &[(&str, &str)]) -> Result<Self> {
        let scene = stage.scene(name)?;
        create_topic(&scene.source, name, 1, &NO_EXPIRY)?;
        stage.sink.create_losable(losable, &[1, 2], config)?;
        let job = impatient(&scene.job());
        let worker = Worker::of(&job, "w0")?;
        Ok(Self { scene, job, losable: losable.to_owned(), worker })
    }

    fn load(&self, records: u64, seed: u64) -> Result<()> {
        produce(&self.scene.source, &LoadPlan::realistic(&self.scene.name, 1, records, seed))?;
        Ok(())
    }

    fn await_delivered(&self, records: u64) -> Result<()> {
        eventually(|| self.scene.expect_identical(&self.scene.name, records).is_ok())
            .with_context(|| self.worker.log())
    }

    fn refused(self, what: &str) -> Result<()> {
        let delivered = end_offsets(&self.scene.sink, &self.scene.name)?;
        // A worker that has nothing to write does not look.
        self.load(LOST, 63)?;
        let place = format!("sink {}-0", self.losable);
        let places = [place.as_str(), what];
        refusal(&self.worker.wait(PATIENCE)?, "VS-0031", &places)?;
        // Each further claim makes the journal longer, also past what it has lost.
        for instance in ["w0", "w1", "w0", "w1"] {
            let ended = self.job.run_until_caught_up(instance)?;
            refusal(&ended, "VS-0031", &[places[0]])?;
        }
        ensure!(end_offsets(&self.scene.sink, &self.scene.name)? == delivered, "something was delivered");
        Ok(())
    }
}

fn truncated(stage: &mut Stage) -> Result<()> {
    let data = Victim::start(stage, "sink-cut", "sink-cut", &NO_EXPIRY)?;
    let compact = [("cleanup.policy", "compact")];
    let journal = Victim::start(stage, "journal-cut", "__velostream.journal-cut", &compact)?;
    let victims = [&data, &journal];
    victims.iter().try_for_each(|victim| victim.load(BOTH, 61))?;
    victims.iter().try_for_each(|victim| victim.await_delivered(BOTH))?;
    stage.sink.node(2)?.kill()?;
    victims.iter().try_for_each(|victim| stage.sink.await_state(&victim.losable, 2, 1, &[1]))?;
    victims.iter().try_for_each(|victim| victim.load(LOST, 62))?;
    victims.iter().try_for_each(|victim| victim.await_delivered(BOTH + LOST))?;
    stage.sink.node(1)?.kill()?;
    stage.sink.node(2)?.start()?;
    victims.iter().try_for_each(|victim| stage.sink.await_state(&victim.losable, 1, 2, &[2]))?;
    stage.sink.node(1)?.start()?;
    stage.sink.await_in_sync()?;
    data.refused("was acknowledged and committed, but the log ends at")?;
    journal.refused("was appended at offset")
}
