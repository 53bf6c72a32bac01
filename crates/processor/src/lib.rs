//! The driver that turns protocol decisions into I/O, with metrics and health.
