//! Proves that a sink holds each source record once, in order, unchanged; reads through librdkafka only.
