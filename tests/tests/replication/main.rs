//! The program between two real clusters, under everything that a replication meets: kills, zombies, brokers that
//! restart, odd batches, topics that come and grow. The verdict is the independent verifier's, record by record.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "real servers in real time; seeds and messages are shown"
)]

mod batches;
mod brokers;
mod caught_up;
mod files;
mod handover;
mod hanging;
mod nemesis;
mod topics;
mod transactions;
