//! Deliberate defects: whether a test would notice if a rule were broken.
//!
//! A place that decides something asks `mutant!(Name)`. That is the constant `false`, unless this crate is built with
//! the feature `mutants`, which no product does; then it is true for the one name that the environment variable
//! `VELOSTREAM_MUTANT` holds. `cargo xtask mutants` knows what each name breaks and runs the tests that must fail.

/// True where this deliberate defect was chosen; the constant `false` without the feature `mutants`.
///
/// ```
/// let stale = true;
/// let refused = stale && !velostream_core::mutant!(ExampleOfTheDocumentation);
/// assert!(refused);
/// ```
#[cfg(not(feature = "mutants"))]
#[macro_export]
macro_rules! mutant {
    ($name:ident) => {
        $crate::mutant::NONE
    };
}

/// True where this deliberate defect was chosen; the constant `false` without the feature `mutants`.
#[cfg(feature = "mutants")]
#[macro_export]
macro_rules! mutant {
    ($name:ident) => {
        $crate::mutant::is_chosen(::core::stringify!($name))
    };
}

/// What `mutant!` stands for without the feature: no defect.
#[cfg(not(feature = "mutants"))]
pub const NONE: bool = false;

/// True where `VELOSTREAM_MUTANT`, read once per process, holds this name.
#[cfg(feature = "mutants")]
#[must_use]
pub fn is_chosen(name: &str) -> bool {
    static CHOSEN: std::sync::LazyLock<Option<String>> =
        std::sync::LazyLock::new(|| std::env::var("VELOSTREAM_MUTANT").ok());
    CHOSEN.as_deref() == Some(name)
}
