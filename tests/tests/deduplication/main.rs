//! Jobs that tell records apart by what they hold, between two real clusters, killed with -9 again and again. The verdict
//! is that of a reader of its own that keeps the whole content.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "real servers in real time; seeds and messages are shown"
)]

mod content;
mod event_time;
mod kills;
mod window;
