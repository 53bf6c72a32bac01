//! Exactly-once stream processing between systems: the facade of velostream.
