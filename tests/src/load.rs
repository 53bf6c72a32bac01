//! A seeded load generator on librdkafka, independent of the product's data path.
//!
//! The same [`LoadPlan`] makes the same records: sizes from 20 bytes to 4 KB, keys and null keys, tombstones, empty
//! values, headers with duplicate names, null, empty and binary values, timestamps that step back now and then. Every
//! record carries its [`Stamp`] (run, partition, sequence), so that anybody can check completeness and order without
//! a second copy. Codecs alternate by producer, transactions may abort.
//!
//! What librdkafka cannot make: a timestamp of 0 (it means "now" there), a header name that is not UTF-8 (the Rust
//! wrapper takes `&str`), a batch with holes. [`odd_batches`] and [`create_holes`] make those.

mod by_hand;
mod filler;
mod generator;
mod odd;
mod plan;
mod producer;
mod random;
mod record;
mod stamp;
mod topic;

pub use by_hand::{OpenTransaction, send, send_open};
pub use generator::{LoadReport, produce};
pub use odd::{ODD_TOPIC, OddBatches, create_holes, odd_batches, odd_batches_of, produce_batches};
pub use plan::{Codec, LoadPlan, Sizes, Transactions};
pub use random::Random;
pub use record::{HeaderValue, MadeRecord, RecordMaker};
pub use stamp::Stamp;
pub use topic::{create_topic, delete_topic, end_offsets, read_all, settled_end_offsets};
