//! Beginning and end of a container, by testcontainers.

use std::thread;

use anyhow::{Context, Result, anyhow};
use testcontainers::core::IntoContainerPort;
use testcontainers::runners::SyncRunner;
use testcontainers::{Container, GenericImage, ImageExt};

use super::Plan;

/// Removes the container when it is dropped.
#[derive(Debug)]
pub(super) struct Lifetime {
    id: String,
    container: Option<Container<GenericImage>>,
}

impl Lifetime {
    /// Makes and starts the container.
    pub(super) fn begin(plan: Plan) -> Result<Self> {
        let (name, tag) = plan.image()?;
        let (outside, inside) = plan.port;
        let mut request = GenericImage::new(name.as_str(), tag.as_str())
            .with_exposed_port(inside.tcp())
            .with_mapped_port(outside, inside.tcp())
            .with_cmd(plan.arguments);
        for (variable, value) in plan.variables {
            request = request.with_env_var(variable, value);
        }
        for (path, content) in plan.files {
            request = request.with_copy_to(path, content);
        }
        if let Some(user) = plan.user {
            request = request.with_user(user);
        }
        // It has a runtime of its own, which must not be entered from the runtime of a test.
        let started = thread::spawn(move || request.start()).join();
        let started = started.map_err(|_| anyhow!("the start of {name}:{tag} panicked"))?;
        let container = started.with_context(|| format!("cannot start a container of {name}:{tag}"))?;
        Ok(Self { id: container.id().to_owned(), container: Some(container) })
    }

    /// The engine's name of it.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Lifetime {
    fn drop(&mut self) {
        let container = self.container.take();
        // As at its beginning. What fails here leaves a container behind, which the engine lists.
        drop(thread::spawn(move || drop(container)).join());
    }
}
