//! Deterministic record ids: content hash, source position, composite, custom.
