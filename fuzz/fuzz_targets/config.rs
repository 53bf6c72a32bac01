//! A job file, with a process that has one variable and no files. A job that loads is written and loads back equal.
#![no_main]

use exactly_once::config::{JobFile, Variables};
use libfuzzer_sys::fuzz_target;

struct OneVariable;

impl Variables for OneVariable {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "A").then(|| "value".to_owned())
    }

    fn file(&self, _: &str) -> std::io::Result<String> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut loaded = None;
    velostream_fuzz::within(4096, data, || match JobFile::parse("job.yaml", text, &OneVariable) {
        Ok(job) => loaded = Some(job),
        Err(error) => drop(error.to_string()),
    });
    if let Some(job) = loaded {
        let written = job.to_yaml().expect("a valid job can be written");
        let again = JobFile::parse("again.yaml", &written, &OneVariable).expect("what was written loads");
        assert_eq!(again, job);
    }
});
