//! A server in a container: testcontainers makes it and takes it away, the engine's own program does the rest.

#[cfg_attr(feature = "containers", path = "container/engine.rs")]
#[cfg_attr(not(feature = "containers"), path = "container/without.rs")]
mod engine;

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::host::Host;
use super::process::ServerProcess;
use engine::Lifetime;

/// What a container is made of.
#[cfg_attr(not(feature = "containers"), expect(dead_code, reason = "only the name of the image is said"))]
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Image, by a variable of its own: `VELOSTREAM_IMAGE_<SERVICE>`.
    pub(super) service: &'static str,
    /// The official image of the service.
    pub(super) image: &'static str,
    /// Port of 127.0.0.1, and which of the container's it leads to.
    pub(super) port: (u16, u16),
    pub(super) arguments: Vec<String>,
    pub(super) variables: Vec<(&'static str, &'static str)>,
    /// Path and content of what is put into it before it starts.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// Another user than the image's.
    pub(super) user: Option<&'static str>,
}

impl Plan {
    /// Name and tag of the image.
    pub(super) fn image(&self) -> Result<(String, String)> {
        let given = std::env::var(format!("VELOSTREAM_IMAGE_{}", self.service)).ok();
        let image = given.filter(|given| !given.is_empty()).unwrap_or_else(|| self.image.to_owned());
        // A registry's port has a colon too, and a slash behind it.
        match image.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => Ok((name.to_owned(), tag.to_owned())),
            _ => bail!("`{image}` has no tag"),
        }
    }
}

/// A container that ran at least once. Dropping it removes it with its data.
#[derive(Debug)]
pub(super) struct Container {
    lifetime: Lifetime,
}

impl Container {
    /// Makes and starts a container. It may be up before the server in it answers.
    ///
    /// # Errors
    /// When no engine answers, or the engine refuses.
    pub(super) fn start(plan: Plan) -> Result<Self> {
        Ok(Self { lifetime: Lifetime::begin(plan)? })
    }

    /// What the engine calls it.
    pub(super) fn id(&self) -> &str {
        self.lifetime.id()
    }
}

/// A program inside a container, as one of the container's users.
pub(super) fn tool(id: &str, user: &str, program: &str) -> Command {
    let mut command = Command::new("docker");
    command.args(["exec", "--user", user, id, program]);
    command
}

/// Address of a container on the engine's network, for other containers.
pub(super) fn address(id: &str) -> Result<String> {
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let address = said(&["inspect", "--format", format, id])?;
    if address.is_empty() { bail!("the container has no address") } else { Ok(address) }
}

impl Host for Container {
    fn launch(&mut self) -> Result<()> {
        said(&["start", self.id()]).map(drop)
    }

    fn kill(&mut self) -> Result<()> {
        if self.is_running() { said(&["kill", "--signal", "KILL", self.id()]).map(drop) } else { Ok(()) }
    }

    fn pause(&self) -> Result<()> {
        said(&["pause", self.id()]).map(drop)
    }

    fn resume(&self) -> Result<()> {
        said(&["unpause", self.id()]).map(drop)
    }

    fn is_running(&mut self) -> bool {
        let asked = said(&["inspect", "--format", "{{.State.Running}}", self.id()]);
        asked.is_ok_and(|running| running == "true")
    }

    fn log(&self) -> String {
        let output = Command::new("docker").args(["logs", self.id()]).output();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        output.map(|output| text(&output.stdout) + &text(&output.stderr)).unwrap_or_default()
    }

    fn process(&self) -> Option<&ServerProcess> {
        None
    }
}

/// What the engine's program prints.
fn said(arguments: &[&str]) -> Result<String> {
    let output = Command::new("docker")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("cannot start `docker`, the engine's program")?;
    if !output.status.success() {
        bail!("docker {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
