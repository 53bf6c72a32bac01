//! `cargo xtask mutants`: deliberate defects of the product's own code, each of which a test must notice.

mod hooks;
mod layer;
mod list;
mod programs;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use velostream_testkit::services::{ClusterOptions, KafkaCluster, repository_root};

use self::layer::Layer;
use self::list::{MUTANTS, Mutant};
use self::programs::{Ended, Program};
use self::verdict::Verdict;

/// What `cargo xtask mutants` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only these, by name.
    #[arg(long)]
    only: Vec<String>,
    /// Only this layer of tests.
    #[arg(long)]
    layer: Option<Layer>,
    /// Start real clusters and run the suites for what nothing cheaper notices.
    #[arg(long)]
    servers: bool,
    /// Write the table to docs/MUTANTS.md.
    #[arg(long, conflicts_with_all = ["only", "layer"], requires = "servers")]
    write: bool,
}

/// A defect may make a test hang. So long is a program given, and ten times what it took without a defect.
const LEAST_LIMIT: Duration = Duration::from_secs(90);
/// One test on real servers, with the start of its own where it has some.
const SERVER_LIMIT: Duration = Duration::from_secs(300);

/// Runs the command.
///
/// # Errors
/// When a test fails without a defect, or a defect lives.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(unknown) = arguments.only.iter().find(|name| MUTANTS.iter().all(|m| m.name != **name)) {
        bail!("there is no mutant {unknown}");
    }
    let chosen: Vec<Mutant> = MUTANTS
        .iter()
        .filter(|m| arguments.only.is_empty() || arguments.only.iter().any(|o| o == m.name))
        .copied()
        .collect();
    let places = hooks::places(&repository_root())?;
    let broken: BTreeSet<&str> =
        chosen.iter().filter_map(|m| places.get(m.name)).map(String::as_str).collect();
    let mut bench = Bench::build(&broken, arguments.layer)?;
    bench.check_without()?;
    let mut servers = None;
    let mut verdicts = Vec::new();
    for mutant in chosen {
        let home = places.get(mutant.name).map_or("", String::as_str);
        let mut verdict = bench.judge(&mutant, home, arguments.layer)?;
        let wanted = arguments.layer.is_none_or(|layer| layer == Layer::Servers);
        if let (Verdict::Alive, Some((suite, test)), true) = (&verdict, mutant.on_servers, wanted) {
            verdict = if arguments.servers {
                let servers = match &mut servers {
                    Some(servers) => servers,
                    none => none.insert(Servers::start()?),
                };
                servers.judge(&mutant, suite, test)?
            } else {
                Verdict::NotJudged
            };
        }
        println!("{}: {verdict:?}", mutant.name);
        verdicts.push((mutant, verdict));
    }
    println!("\n{}\n{}", verdict::table(&verdicts), verdict::summary(&verdicts));
    if arguments.write {
        write_page(&verdicts)?;
    }
    let alive: Vec<&str> =
        verdicts.iter().filter(|(_, v)| *v == Verdict::Alive).map(|(m, _)| m.name).collect();
    if alive.is_empty() { Ok(()) } else { bail!("no test notices {alive:?}") }
}

/// The test programs that need no server, and how long each takes without a defect.
struct Bench {
    programs: Vec<Program>,
    took: BTreeMap<String, Duration>,
}

impl Bench {
    fn build(broken: &BTreeSet<&str>, layer: Option<Layer>) -> Result<Self> {
        let mut crates = broken.clone();
        if crates.contains("protocol") || crates.contains("processor") {
            crates.extend(["processor", "sim"]);
        }
        let crates: Vec<&str> = crates.into_iter().collect();
        let mut programs = programs::build(&crates, &target_directory()?)?;
        programs.retain(|program| {
            broken.iter().filter_map(|b| Layer::of(program, b)).any(|at| layer.is_none_or(|only| only == at))
        });
        Ok(Self { programs, took: BTreeMap::new() })
    }

    /// Without a defect everything passes; else no failure would mean anything.
    fn check_without(&mut self) -> Result<()> {
        for program in &self.programs {
            let filter = Layer::of(program, "protocol").unwrap_or(Layer::Unit).filter();
            let began = Instant::now();
            if let Ended::Failed(test) = program.run(None, filter, &[], Duration::from_secs(900))? {
                bail!("{} fails without a mutant: {test}", program.name());
            }
            let took = began.elapsed();
            println!("without a mutant: {} passes in {:.1} s", program.name(), took.as_secs_f64());
            self.took.insert(program.name(), took);
        }
        Ok(())
    }

    fn judge(&self, mutant: &Mutant, home: &str, only: Option<Layer>) -> Result<Verdict> {
        let mut runs: Vec<(Layer, &Program)> =
            self.programs.iter().filter_map(|program| Some((Layer::of(program, home)?, program))).collect();
        runs.retain(|(layer, _)| only.is_none_or(|only| only == *layer));
        runs.sort_by_key(|(layer, program)| (*layer, self.took.get(&program.name()).copied()));
        for (layer, program) in runs {
            let usual = self.took.get(&program.name()).copied().unwrap_or_default();
            let limit = LEAST_LIMIT.max(usual * 10);
            if let Ended::Failed(test) = program.run(Some(mutant.name), layer.filter(), &[], limit)? {
                return Ok(Verdict::Killed { layer, test: format!("{} {test}", program.name()) });
            }
        }
        Ok(Verdict::Alive)
    }
}

/// Real clusters, and the product's program with the defects inside.
struct Servers {
    _clusters: Vec<KafkaCluster>,
    suites: Vec<Program>,
    environment: Vec<(&'static str, String)>,
    passed: BTreeSet<(&'static str, &'static str)>,
}

impl Servers {
    fn start() -> Result<Self> {
        let product = programs::build_product(&target_directory()?)?;
        let names: BTreeSet<&str> =
            MUTANTS.iter().filter_map(|m| m.on_servers).map(|(suite, _)| suite).collect();
        let suites = programs::build_suites(&names.into_iter().collect::<Vec<_>>())?;
        let small = |name| ClusterOptions::for_test(name);
        let old = small("mutants-old-transactions").transaction_version(0);
        let clusters = KafkaCluster::start_all(vec![small("mutants-source"), small("mutants-sink"), old])?;
        clusters.iter().try_for_each(KafkaCluster::await_coordinators)?;
        let mut environment = vec![("VELOSTREAM_BIN", product.display().to_string())];
        let names = ["VELOSTREAM_TEST_KAFKA_A", "VELOSTREAM_TEST_KAFKA_B", "VELOSTREAM_TEST_KAFKA_OLD"];
        environment.extend(names.into_iter().zip(clusters.iter().map(|c| c.bootstrap())));
        Ok(Self { _clusters: clusters, suites, environment, passed: BTreeSet::new() })
    }

    fn judge(&mut self, mutant: &Mutant, suite: &'static str, test: &'static str) -> Result<Verdict> {
        let program = self.suites.iter().find(|program| program.target == suite);
        let program = program.with_context(|| format!("there is no suite {suite}"))?;
        if !self.passed.contains(&(suite, test)) {
            if let Ended::Failed(test) = program.run(None, &[test], &self.environment, SERVER_LIMIT)? {
                bail!("{suite} fails without a mutant: {test}");
            }
            self.passed.insert((suite, test));
        }
        Ok(match program.run(Some(mutant.name), &[test], &self.environment, SERVER_LIMIT)? {
            Ended::Failed(test) => Verdict::Killed { layer: Layer::Servers, test: format!("{suite} {test}") },
            Ended::Passed => Verdict::Alive,
        })
    }
}

/// A directory of their own, so that the usual builds stay as they are.
fn target_directory() -> Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(repository_root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata failed")?;
    Ok(metadata.target_directory.join("mutants").into())
}

fn write_page(verdicts: &[(Mutant, Verdict)]) -> Result<()> {
    let date = std::process::Command::new("date").arg("+%Y-%m-%d").output().context("date")?;
    let page = format!(
        "# Mutants\n\n\
         Each line is a deliberate defect of the product's own code, compiled in with the feature `mutants` of\n\
         `velostream-core` and chosen by name; a test must fail for each. The layers run from cheap to dear until one\n\
         notices. Written by `cargo xtask mutants --servers --write` on {}.\n\n{}\n{}\n",
        String::from_utf8_lossy(&date.stdout).trim(),
        verdict::table(verdicts),
        verdict::summary(verdicts),
    );
    let path = repository_root().join("docs/MUTANTS.md");
    std::fs::write(&path, page).with_context(|| path.display().to_string())
}
