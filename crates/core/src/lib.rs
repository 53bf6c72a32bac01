//! Records, positions, splits, the connector and store traits, and errors with a disposition.

mod disposition;

pub use disposition::Disposition;
