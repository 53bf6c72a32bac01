//! The pure state machines that decide every step of exactly-once delivery.
