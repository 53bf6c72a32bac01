//! The command as its users meet it: exact words, exact exit codes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use tempfile::TempDir;

const JOB: &str = r#"job: orders-dr
source:
  kafka:
    bootstrap_servers: "${SOURCE:-a:9092}"
    topics: ["orders"]
sink:
  kafka:
    bootstrap_servers: "b:9092"
"#;

struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// A directory with `job.yaml`, and the command in it.
struct Place(TempDir);

impl Place {
    fn with(job: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("job.yaml", job);
        place
    }

    fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cargo_bin("velostream"));
        command.current_dir(self.0.path()).args(arguments).env_remove("SOURCE").env_remove("VELOSTREAM_LOG");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        finish(&mut self.command(arguments))
    }
}

fn finish(command: &mut Command) -> Ran {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn check_of_a_valid_job_says_what_it_is() {
    let place = Place::with(JOB);
    let ran = place.run(&["check", "job.yaml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(
        ran.out,
        "job.yaml is valid\n\
         job     orders-dr\n\
         source  kafka a:9092: orders\n\
         sink    kafka b:9092: {topic}\n\
         level   exactly_once (transactional)\n"
    );
    let ran = finish(place.command(&["check", "job.yaml", "-o", "ndjson"]).env("SOURCE", "x:1"));
    assert_eq!(
        ran.out,
        "{\"file\":\"job.yaml\",\"valid\":true,\"job\":\"orders-dr\",\"source\":\"kafka x:1: orders\",\
         \"sink\":\"kafka b:9092: {topic}\",\"level\":\"exactly_once (transactional)\",\"problems\":[]}\n"
    );
}

#[test]
fn check_of_a_misspelt_job_shows_the_place_and_exits_78() {
    let ran = Place::with(&JOB.replace("topics", "topcis")).run(&["check", "job.yaml"]);
    assert_eq!((ran.code, ran.out.as_str()), (78, ""));
    assert_eq!(
        ran.err,
        r#"VS-0001

  x source.kafka: unknown field `topcis`
   ,-[job.yaml:5:5]
 4 |     bootstrap_servers: "${SOURCE:-a:9092}"
 5 |     topcis: ["orders"]
   :     ^^^|^^
   :        `-- here
 6 | sink:
   `----
  help: did you mean `topics`? Known here: `bootstrap_servers`, `topics`, `exclude`, `start`, `gap_policy`,
        `isolation`, `fetch_max_bytes`, `partition_max_bytes`, `queue_bytes`, `client`
error: VS-0001: job.yaml: 1 problem
"#
    );
}

#[test]
fn check_as_json_gives_the_problems_to_a_program() {
    let ran = Place::with(&JOB.replace("b:9092", "b")).run(&["check", "job.yaml", "-o", "json"]);
    assert_eq!((ran.code, ran.err.as_str()), (78, ""));
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        report,
        serde_json::json!({
            "file": "job.yaml",
            "valid": false,
            "problems": [{
                "line": 8,
                "column": 24,
                "path": "sink.kafka.bootstrap_servers",
                "message": "not a list of brokers",
                "remedy": "write host:port, or several separated by commas",
            }],
        })
    );
}

#[test]
fn secret_from_the_environment_is_never_printed() {
    let job = JOB.replace("b:9092", "${CANARY}").replace("orders-dr", "\"${CANARY}\"");
    let place = Place::with(&job);
    for arguments in [
        ["check", "job.yaml", "-o", "json"].as_slice(),
        &["check", "job.yaml"],
        &["explain", "job.yaml", "-vv"],
        &["check", "job.yaml", "--log-format", "json"],
    ] {
        let ran = finish(place.command(arguments).env("CANARY", "hunter2!"));
        assert_eq!(ran.code, 78);
        assert!(!ran.out.contains("hunter2") && !ran.err.contains("hunter2"), "{}{}", ran.out, ran.err);
    }
}

#[test]
fn missing_job_file_is_one_line_with_cause_and_remedy() {
    let place = Place::empty();
    let ran = place.run(&["explain", "none.yaml"]);
    assert_eq!((ran.code, ran.out.as_str()), (78, ""));
    assert_eq!(
        ran.err,
        "error: VS-0002: none.yaml: the job file cannot be read\n  \
         cause: No such file or directory (os error 2)\n  \
         remedy: Check the path and its permissions.\n"
    );
    let ran = place.run(&["explain", "none.yaml", "--log-format", "json"]);
    let line: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(line["code"], "VS-0002");
    assert_eq!(line["causes"][0], "No such file or directory (os error 2)");
}

#[test]
fn explain_meets_the_requirement_or_exits_3() {
    let ran = Place::with(JOB).run(&["explain", "job.yaml", "--require", "exactly-once"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("job orders-dr: exactly_once (transactional)\n\nWhat gives it\n"));

    let job = JOB.replace("[\"orders\"]", "[\"orders\"]\n    gap_policy: continue");
    let place = Place::with(&job);
    assert_eq!(place.run(&["explain", "job.yaml"]).code, 0);
    let ran = place.run(&["explain", "job.yaml", "--require", "exactly-once"]);
    assert_eq!(ran.code, 3);
    assert!(ran.out.starts_with(
        "job orders-dr: at_least_once\n\nWhat lowers it\n  - `continue` goes on behind records"
    ));
    assert_eq!(
        ran.err,
        "error: VS-0004: job orders-dr: exactly_once is required, the job file gives at_least_once\n  \
         remedy: `velostream explain JOB.yaml` names what lowers the level.\n"
    );
    let ran = place.run(&["explain", "job.yaml", "-o", "json"]);
    let explanation: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(explanation["level"], "at_least_once");
    assert_eq!(
        explanation["reasons"].as_array().unwrap().iter().filter(|r| r["role"] == "lowers").count(),
        1
    );
}

#[test]
fn explain_error_shows_a_page_or_the_list() {
    let place = Place::empty();
    let ran = place.run(&["explain-error", "vs-0005"]);
    assert_eq!(ran.code, 0);
    assert_eq!(
        ran.out,
        "VS-0005: the sink does not hold what the source holds\n\n\
         Why\n  `velostream verify` found missing, duplicated, reordered or changed records.\n\n\
         What to do\n  The report names each with its partition and offset; keep the report before anything is \
         repaired.\n\n\
         For example\n  error: VS-0005: source and sink differ in 3 records\n"
    );
    let ran = place.run(&["explain-error"]);
    assert!(ran.out.starts_with("CODE     MEANING\nVS-0001  the job file is not valid\n"), "{}", ran.out);
    let ran = place.run(&["explain-error", "-o", "ndjson"]);
    assert!(ran.out.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    let ran = place.run(&["explain-error", "9999"]);
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.err,
        "error: VS-0003: there is no error code `9999`\n  remedy: `velostream explain-error` lists them.\n"
    );
}

#[test]
fn init_writes_jobs_that_are_valid_and_overwrites_nothing() {
    let place = Place::empty();
    let ran = place.run(&["init", "."]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(
        ran.out,
        "wrote ./orders-dr.yaml\n\nNext:\n  cd .\n  velostream check orders-dr.yaml\n  velostream explain orders-dr.yaml\n  velostream run orders-dr.yaml\n"
    );
    assert_eq!(place.run(&["explain", "orders-dr.yaml", "--require", "exactly-once"]).code, 0);

    place.write("orders-dr.yaml", "mine");
    let ran = place.run(&["init", "."]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.starts_with("error: VS-0003: ./orders-dr.yaml exists already\n"));
    assert_eq!(place.read("orders-dr.yaml"), "mine");

    assert_eq!(place.run(&["init", "--demo", "d"]).code, 0);
    assert_eq!(place.run(&["explain", "d/demo.yaml", "--require", "exactly-once"]).code, 0);
    assert_eq!(place.read("d/in/orders.ndjson").lines().count(), 20_000);
}

#[test]
fn every_commented_setting_of_the_starter_is_a_default_that_is_accepted() {
    let place = Place::empty();
    place.run(&["init", "."]);
    let text: String = place
        .read("orders-dr.yaml")
        .lines()
        .map(|line| {
            // `# key: value` is a setting, `# Words.` a comment.
            let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
            let setting = rest.strip_prefix("# ").or_else(|| rest.strip_prefix('#')).filter(|setting| {
                setting
                    .trim_start()
                    .split_once(": ")
                    .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
                    || setting.trim_end() == "exactly_once:"
            });
            format!("{indent}{}\n", setting.unwrap_or(rest))
        })
        .collect();
    place.write("all.yaml", &text);
    for key in ["gap_policy: stop", "pass_through: auto", "heartbeat_interval", "http:", "retry_backoff_max"]
    {
        assert!(
            text.lines().any(|line| line.contains(key) && !line.trim_start().starts_with('#')),
            "{key}\n{text}"
        );
    }
    let ran = place.run(&["check", "all.yaml"]);
    assert_eq!(ran.code, 0, "{}\n{text}", ran.err);
}

#[test]
fn replicate_prints_a_job_that_loads_back_to_the_same_job() {
    let place = Place::empty();
    let options = ["replicate", "--from", "a:1", "--to", "b:1,c:2", "--topic", "/x\\..*/", "--topic", "y"];
    let more =
        ["--exclude", "x.z", "--sink-topic", "dr.{topic}", "--job", "x-dr", "--lanes", "2", "--print-job"];
    let ran = place.run(&[options.as_slice(), &more].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    place.write("job.yaml", &ran.out);
    let ran = place.run(&["check", "job.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("source  kafka a:1: /x\\..*/, y\nsink    kafka b:1,c:2: dr.{topic}\n"),
        "{}",
        ran.out
    );
}

#[test]
fn replicate_onto_itself_is_refused_with_a_remedy() {
    let ran =
        Place::empty().run(&["replicate", "--from", "a:1", "--to", "a:1", "--topic", "x", "--print-job"]);
    assert_eq!((ran.code, ran.out.as_str()), (78, ""));
    assert_eq!(
        ran.err,
        "error: VS-0001: sink.kafka.topic: source and sink are the same topics of the same cluster\n  \
         remedy: give the destination another name, for example copy.{topic}\n"
    );
}

#[test]
fn wrong_command_line_exits_2_and_says_why() {
    let place = Place::with(JOB);
    for (arguments, words) in [
        (
            ["replicate", "--from", "a", "--to", "b:1", "--topic", "x"].as_slice(),
            "not a list of brokers: write host:port",
        ),
        (&["verify", "--from", "a:1", "--to", "b:1", "--topic", "a b"], "not the name of a topic"),
        (&["verify", "--from", "a:1"], "required arguments were not provided"),
        (&["verify"], "required arguments were not provided"),
        (&["verify", "job.yaml", "--from", "a:1", "--to", "b:1"], "cannot be used with"),
        (&["run", "job.yaml", "--instance", "../x"], "not the name of an instance: write letters, digits"),
        (&["status"], "required arguments were not provided"),
        (&["chekc"], "a similar subcommand exists: 'check'"),
        (&["check", "job.yaml", "-o", "xml"], "possible values: table, json, ndjson"),
    ] {
        let ran = place.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.err.contains(words), "{arguments:?}\n{}", ran.err);
    }
    assert_eq!(place.run(&[]).code, 2);
}

#[test]
fn verify_of_a_job_that_it_cannot_judge_is_refused() {
    let place = Place::with(&JOB.replace("[\"orders\"]", "[\"orders\"]\n    start: latest"));
    let ran = place.run(&["verify", "job.yaml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("does not start at the earliest offset"), "{}", ran.err);
    let place = Place::empty();
    place.run(&["init", "--demo", "."]);
    let ran = place.run(&["verify", "demo.yaml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("only a job from Kafka to Kafka can be verified"), "{}", ran.err);
}

#[test]
fn every_command_has_help_with_examples() {
    let place = Place::empty();
    let help = place.run(&["--help"]).out;
    let commands: Vec<_> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands {
        let ran = place.run(&[command, "--help"]);
        assert_eq!(ran.code, 0);
        assert!(ran.out.contains(&format!("Examples:\n  velostream {command}")), "{command}\n{}", ran.out);
    }
}

#[test]
fn completions_name_every_command_of_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = Place::empty().run(&["completions", shell]);
        assert_eq!(ran.code, 0);
        for command in ["check", "explain-error", "replicate", "verify"] {
            assert!(ran.out.contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn closed_pipe_ends_the_command_quietly() {
    let place = Place::empty();
    let mut child =
        place.command(&["completions", "zsh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

/// Answers one request, whatever it is, and returns its first line.
fn answering(answer: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut part = [0; 1024];
        while !request.ends_with(b"\r\n\r\n") {
            let count = stream.read(&mut part).unwrap();
            request.extend(part.iter().take(count));
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap().lines().next().unwrap().to_owned()
    });
    (address, server)
}

#[test]
fn status_shows_what_the_worker_answers() {
    const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n\
        {\"job\":\"j\",\"lag\":null,\"lanes\":[{\"phase\":\"open\",\"splits\":[{\"split\":\"t-0\",\"batch\":3}]}]}";
    let (address, server) = answering(ANSWER);
    let ran = Place::empty().run(&["status", "--at", &address]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(server.join().unwrap(), "GET /status HTTP/1.0");
    assert_eq!(
        ran.out,
        "job  j\nlag  -\n\nlanes\nPHASE\nopen\n\nlanes[0].splits\nBATCH  SPLIT\n3      t-0\n"
    );

    let (address, server) = answering(ANSWER);
    let place = Place::with(&format!("{JOB}http: {{ listen: \"{address}\" }}\n"));
    let ran = place.run(&["status", "job.yaml", "-o", "json"]);
    server.join().unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&ran.out).unwrap()["lanes"][0]["phase"], "open");
}

#[test]
fn status_of_nobody_or_of_a_stranger_exits_69() {
    let place = Place::with(JOB);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let ran = place.run(&["status", "--at", &free]);
    assert_eq!(ran.code, 69);
    assert_eq!(
        ran.err,
        format!(
            "error: VS-0010: {free}: the worker does not answer\n  cause: Connection refused (os error 111)\n  \
             remedy: Is the worker running, and is this the address of its `http.listen`?\n"
        )
    );
    for (answer, words) in [
        ("HTTP/1.1 404 Not Found\r\n\r\n", "the answer to /status is `HTTP/1.1 404 Not Found`"),
        ("220 mail ready\r\n", "the answer is not HTTP"),
        ("HTTP/1.1 200 OK\r\n\r\n<html>", "the answer is not JSON"),
    ] {
        let (address, server) = answering(answer);
        let ran = place.run(&["status", "--at", &address]);
        server.join().unwrap();
        assert_eq!(ran.code, 69);
        assert!(ran.err.contains(words), "{}", ran.err);
    }
    let ran = place.run(&["status", "job.yaml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("the job has no `http`"), "{}", ran.err);
}

#[test]
fn demo_killed_at_random_delivers_each_record_once() {
    let place = Place::empty();
    place.run(&["init", "--demo", "."]);
    // Each life gets a little further; the last one is left alone.
    for life in 0_u64..6 {
        let mut child =
            place.command(&["run", "demo.yaml", "--no-progress"]).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(30 + 40 * life));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let ran = place.run(&["run", "demo.yaml", "--no-progress"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mut files: Vec<_> = std::fs::read_dir(place.0.path().join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    let delivered: String = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert!(delivered == place.read("in/orders.ndjson"), "{} lines in {files:?}", delivered.lines().count());
}
