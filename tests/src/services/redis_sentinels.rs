//! A Valkey primary with a replica, watched by three sentinels.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::port::free_ports;
use super::process::pause;
use super::redis_node::{OPERATOR, PASSWORD, RedisNode, url_of};
use super::valkey::valkey_program;

/// The name under which the sentinels watch the servers.
const NAME: &str = "orders";
const POLL: Duration = Duration::from_millis(50);
/// Sentinels tell each other about themselves every 2 s.
const START_LIMIT: u32 = 1200;

/// Two servers and their sentinels.
#[derive(Debug)]
pub struct RedisSentinels {
    /// The primary at the start, and its replica.
    pub servers: Vec<RedisNode>,
    /// Two of the three decide.
    pub sentinels: Vec<RedisNode>,
}

impl RedisSentinels {
    /// Installs Valkey if need be, starts the servers, and waits until the sentinels know each other and the replica.
    ///
    /// # Errors
    /// When it cannot be installed or does not come up.
    pub fn start(name: &str) -> Result<Self> {
        let program = valkey_program()?;
        let ports = free_ports(5)?;
        let [primary, replica, watching @ ..] = &ports[..] else { bail!("no ports") };
        let place = format!("127.0.0.1 {primary}");
        let servers = vec![
            RedisNode::server(&program, &format!("{name}-0"), *primary, &[])?,
            RedisNode::server(&program, &format!("{name}-1"), *replica, &[("replicaof", &place)])?,
        ];
        for replica in servers.iter().skip(1) {
            replica.wait_until_linked()?;
        }
        let monitor = format!("monitor {NAME} {place} 2");
        let (user, password) =
            (format!("auth-user {NAME} {OPERATOR}"), format!("auth-pass {NAME} {PASSWORD}"));
        let (down, again) =
            (format!("down-after-milliseconds {NAME} 1000"), format!("failover-timeout {NAME} 6000"));
        let settings = [&monitor, &user, &password, &down, &again].map(|line| ("sentinel", line.as_str()));
        let mut sentinels = Vec::new();
        for (number, port) in watching.iter().enumerate() {
            sentinels.push(RedisNode::sentinel(&program, &format!("{name}-s{number}"), *port, &settings)?);
        }
        let this = Self { servers, sentinels };
        this.wait_until_watched()?;
        Ok(this)
    }

    /// URLs of the sentinels.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(|sentinel| format!("redis://127.0.0.1:{}", sentinel.port())).collect()
    }

    /// User of least rights and name of the servers.
    #[must_use]
    pub fn primary_url(&self) -> String {
        url_of(NAME)
    }

    /// The port of the primary that a sentinel names.
    ///
    /// # Errors
    /// When none answers.
    fn primary_port(&self) -> Result<u16> {
        for sentinel in &self.sentinels {
            if let Ok(answer) = sentinel.run(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]) {
                let (_, port): (String, String) = redis::from_redis_value(answer)?;
                return Ok(port.parse()?);
            }
        }
        bail!("no sentinel answers")
    }

    /// Waits until the first sentinel that answers names the server on this port as primary.
    ///
    /// # Errors
    /// When they do not within a minute.
    pub fn wait_for_primary(&self, port: u16) -> Result<()> {
        for _ in 0..START_LIMIT {
            if self.primary_port()? == port {
                return Ok(());
            }
            pause(POLL);
        }
        bail!("the server on port {port} was not promoted")
    }

    /// Waits for the promotion of the server on this port, starts the first again, and waits until it follows. The
    /// sentinels, which look at roles every 10 s, do so every second from here on and promote nobody any more.
    ///
    /// # Errors
    /// When one of them does not happen within two minutes.
    pub fn bring_back_as_replica(&mut self, promoted: u16) -> Result<()> {
        self.wait_for_primary(promoted)?;
        for sentinel in &self.sentinels {
            sentinel.run(&["SENTINEL", "SET", NAME, "down-after-milliseconds", "600000"])?;
            sentinel.run(&["SENTINEL", "DEBUG", "INFO-PERIOD", "1000"])?;
        }
        let old = self.servers.first_mut().context("no servers")?;
        old.restart()?;
        old.wait_until_linked()
    }

    fn wait_until_watched(&self) -> Result<()> {
        for sentinel in &self.sentinels {
            let mut watched = false;
            for _ in 0..START_LIMIT {
                let known = sentinel.text(&["INFO", "sentinel"])?;
                watched = known.contains("slaves=1,sentinels=3") && known.contains("status=ok");
                if watched {
                    break;
                }
                pause(POLL);
            }
            if !watched {
                bail!("the sentinel on port {} does not know the others", sentinel.port());
            }
        }
        Ok(())
    }
}
