//! Where the servers live.

use std::path::{Path, PathBuf};

/// The root of the repository that this package was compiled from.
#[must_use]
pub fn repository_root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// The directory of installed servers, their data and their logs: `VELOSTREAM_SERVICES_DIR`, else `.services` in the
/// repository (ignored by git).
#[must_use]
pub fn services_dir() -> PathBuf {
    std::env::var_os("VELOSTREAM_SERVICES_DIR")
        .map_or_else(|| repository_root().join(".services"), PathBuf::from)
}
