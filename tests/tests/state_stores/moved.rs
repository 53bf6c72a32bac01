//! State that moves from store to store.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use velostream_testkit::nemesis::ends_well;
use velostream_testkit::states::{Lines, StoreKind};

use crate::{Servers, Test};

pub(crate) const TESTS: &[Test] = &[("exported_state_goes_on_in_every_other_store", moved)];

/// Ids that are not there would stop the job.
const IDS: &str = "exactly_once: { record_id_strategy: content_hash, on_id_loss: stop }";

fn moved(servers: &Servers) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let lines = Lines::new(dir.path(), 500, 9)?;
    let job = |kind| servers.get(kind)?.give(lines.job("moved").top(IDS));
    let mut from = job(StoreKind::Redb)?;
    ends_well(&from.run_until_caught_up("w0")?)?;
    for (n, kind) in (1..).zip([StoreKind::Redis, StoreKind::Postgres, StoreKind::DynamoDb]) {
        let exported = from.command(&["state", "export"])?;
        ends_well(&exported)?;
        let dump = dir.path().join(format!("dump-{n}"));
        fs::write(&dump, exported.stdout)?;
        let to = job(kind)?;
        let (path, dump) = (to.write()?, dump.to_string_lossy().into_owned());
        let path = path.to_string_lossy();
        let import = |flags: &[&str]| {
            to.start(&[&["state", "import", &path, &dump], flags].concat())?.wait(Duration::from_secs(60))
        };
        let dry = import(&[])?;
        ensure!(dry.stdout.contains("would be imported"), "{dry:?}");
        let shown = to.command(&["state", "show"])?;
        ensure!(shown.stdout.contains("nothing in its state store"), "a dry run changes nothing: {shown:?}");
        let done = import(&["--execute"])?;
        ensure!(done.stdout.ends_with("are imported\n"), "{done:?}");
        let again = import(&["--execute"])?;
        ensure!(again.stderr.contains("has it already"), "{again:?}");
        let repeated = lines.expected()?.into_iter().step_by(2).chain([format!("fresh {n}")]);
        lines.add(&format!("9{n}"), &repeated.collect::<Vec<_>>())?;
        ends_well(&to.run_until_caught_up("w0")?)?;
        lines.expect_each_once()?;
        from = to;
    }
    Ok(())
}
