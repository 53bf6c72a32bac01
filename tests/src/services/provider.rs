//! Where the servers of the store suites come from.

use anyhow::{Result, bail};

/// Variable that chooses: `native`, which is what an unset one means, or `containers`.
pub const PROVIDER_VARIABLE: &str = "VELOSTREAM_TEST_PROVIDER";

/// What runs the servers that a suite starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Processes of this machine, from its packages.
    Native,
    /// Containers of the engine that `DOCKER_HOST` names. Needs the feature `containers`.
    Containers,
}

impl Provider {
    /// The one that the environment chooses.
    ///
    /// # Errors
    /// When the variable says something else.
    pub fn chosen() -> Result<Self> {
        match std::env::var(PROVIDER_VARIABLE).as_deref() {
            Err(_) | Ok("" | "native") => Ok(Self::Native),
            Ok("containers") => Ok(Self::Containers),
            Ok(other) => bail!("{PROVIDER_VARIABLE} is `native` or `containers`, not `{other}`"),
        }
    }
}

/// The server of somebody else that the contract is to be run against, where `VELOSTREAM_TEST_<SERVICE>_URL` names one.
/// It is neither configured nor killed.
#[must_use]
pub fn foreign_url(service: &str) -> Option<String> {
    std::env::var(format!("VELOSTREAM_TEST_{service}_URL")).ok().filter(|url| !url.is_empty())
}
