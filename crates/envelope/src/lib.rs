//! A small self-checking frame for persisted bytes: magic, version, length, CRC-32C.
