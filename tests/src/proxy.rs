//! A TCP proxy in front of a broker that understands Kafka's frames, to do to single requests and replies what a bad
//! network does.
//!
//! A network delays, loses and cuts, and so does the proxy: a held frame holds up everything behind it in its
//! direction, a lost one takes everything behind it along, since TCP never delivers what comes after a gap. What a
//! client gives up on stays on its way: the frame that was held is let through on the connection that the client has
//! closed. Only [`Action::Drop`] and [`Action::Double`] go beyond what TCP can do.
//!
//! ```no_run
//! use velostream_testkit::proxy::{Action, Api, Direction, Observer, Proxy, Rule};
//! use velostream_testkit::services::{ClusterOptions, KafkaCluster};
//! use std::time::Duration;
//!
//! let proxy = Proxy::bind(Observer::new())?;
//! let sink = KafkaCluster::start(ClusterOptions::for_test("sink").behind(&[proxy.port()]))?;
//! proxy.forward_to(sink.nodes()[0].proxied().expect("it is behind a proxy").port);
//! // The sixth EndTxn of the client "mirror" is held until it is released.
//! let held = proxy.add(Rule::new("mirror", Direction::ToBroker, Api::EndTxn, Action::Hold).after(5));
//! // ... a client with that id commits by way of `sink.proxied_bootstrap()` ...
//! held.await_fired(Duration::from_secs(30))?;
//! held.release();
//! # Ok::<(), anyhow::Error>(())
//! ```

mod api;
mod connection;
mod coverage;
mod frame;
mod link;
mod log;
mod observer;
mod rule;
mod server;
mod shared;
mod state;

pub use api::Api;
pub use coverage::Coverage;
pub use frame::{Head, Malformed, Reply, Request, read_frame};
pub use link::Cut;
pub use log::{Fate, Passed};
pub use observer::Observer;
pub use rule::{Action, Direction, Fault, Rule};
pub use server::Proxy;
pub use state::ProtocolState;
