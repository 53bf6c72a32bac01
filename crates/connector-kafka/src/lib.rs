//! Exactly-once Kafka source and sink: membership, registry, claims, transactional lanes.
