//! A build that cannot make containers.

use std::convert::Infallible;

use anyhow::{Result, bail};

use super::Plan;

/// There is none.
#[derive(Debug)]
pub(super) struct Lifetime(Infallible);

impl Lifetime {
    /// Says what is missing.
    pub(super) fn begin(plan: Plan) -> Result<Self> {
        let (name, tag) = plan.image()?;
        bail!(
            "{name}:{tag} needs velostream-testkit with the feature `containers`: see `cargo xtask integration`"
        )
    }

    pub(super) fn id(&self) -> &str {
        match self.0 {}
    }
}
