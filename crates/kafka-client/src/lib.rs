//! An async Kafka client that hides nothing: connections, metadata, coordinators, typed requests, exact errors.
