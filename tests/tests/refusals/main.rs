//! What the program refuses, and how it says so: one line with a stable code and the place, one with the remedy, a
//! documented exit code, and nothing lost. Run with `--nocapture` to see every message as it is printed.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "real servers in real time; seeds and messages are shown"
)]

mod conflicts;
mod disk;
mod gaps;
mod job_file;
mod journal;
mod log_segment;
mod reach;
mod refusal;
mod sink_topic;
mod source_disk;
