//! The listener, and what tests ask of it.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::connection::Connection;
use super::shared::Shared;
use super::{Cut, Fault, Observer, Passed, Rule};

/// A proxy in front of one broker, on a free port of 127.0.0.1. Dropping it closes every connection.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    connections: Arc<Mutex<Vec<Weak<Connection>>>>,
    acceptor: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens. Clients wait until [`Proxy::forward_to`] says where the broker is.
    ///
    /// # Errors
    /// When there is no port, or no thread.
    pub fn bind(observer: Arc<Observer>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::new(observer));
        let connections = Arc::default();
        let (for_thread, list) = (Arc::clone(&shared), Arc::clone(&connections));
        let acceptor = thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || accept(&listener, &for_thread, &list))
            .context("no thread for the proxy")?;
        Ok(Self { port, shared, connections, acceptor: Some(acceptor) })
    }

    /// The port that clients are sent to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Connects clients to this port of 127.0.0.1.
    pub fn forward_to(&self, port: u16) {
        self.shared.set_upstream(port);
    }

    /// Puts a rule into force.
    #[must_use]
    pub fn add(&self, rule: Rule) -> Fault {
        Fault { shared: Arc::clone(&self.shared), number: self.shared.add(rule) }
    }

    /// Cuts the network between a client and the broker: what is under way waits, on connections of now and of later.
    pub fn cut(&self, client: &str, cut: Cut) {
        self.shared.cut(client, cut);
    }

    /// Mends the network; what waited arrives, also from connections that the client has given up.
    pub fn heal(&self, client: &str) {
        self.shared.heal(client);
    }

    /// Closes a connection of this number of the log, for both sides: as where the broker was away for a moment.
    pub fn close(&self, number: u64) {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let found = connections.iter().filter_map(Weak::upgrade).find(|one| one.number == number);
        if let Some(connection) = found {
            connection.close();
        }
    }

    /// Ends every rule and cut, lets go of what is held, and empties the log: between two rounds of one long run.
    pub fn forget(&self) {
        self.shared.forget();
    }

    /// What a client sent and got so far, without Fetch and ApiVersions that went on as usual.
    #[must_use]
    pub fn log(&self, client: &str) -> Vec<Passed> {
        self.shared.log(client)
    }

    /// Waits until so many frames of a client fit.
    ///
    /// # Errors
    /// When they do not within `limit`; the message ends with the last frames.
    pub fn await_log(
        &self,
        client: &str,
        count: usize,
        limit: Duration,
        fits: impl FnMut(&Passed) -> bool,
    ) -> Result<()> {
        let done = self.shared.await_log(client, count, Instant::now() + limit, fits);
        let log = if done { Vec::new() } else { self.log(client) };
        let tail: Vec<String> = log.iter().rev().take(20).rev().map(|passed| format!("{passed:?}")).collect();
        ensure!(done, "fewer than {count} such frames within {limit:?}; the last ones:\n{}", tail.join("\n"));
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.close();
        // Wakes the acceptor, which then sees the end. Where that fails nobody listens any more.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.iter().filter_map(Weak::upgrade).for_each(|one| one.close());
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, connections: &Mutex<Vec<Weak<Connection>>>) {
    for (client, number) in listener.incoming().zip(0_u64..) {
        if shared.is_closed() {
            return;
        }
        let Ok(client) = client else { continue };
        // A client whose broker is away is turned away, as by a broker that is away.
        if let Some(connection) = connect(client, number, shared) {
            let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
            connections.retain(|one| one.strong_count() > 0);
            connections.push(Arc::downgrade(&connection));
        }
    }
}

fn connect(client: TcpStream, number: u64, shared: &Arc<Shared>) -> Option<Arc<Connection>> {
    let upstream = shared.upstream()?;
    let Ok(broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)) else {
        drop(client.shutdown(Shutdown::Both));
        return None;
    };
    client.set_nodelay(true).and_then(|()| broker.set_nodelay(true)).ok()?;
    let waiting = Mutex::new(VecDeque::new());
    let connection = Arc::new(Connection { number, shared: Arc::clone(shared), client, broker, waiting });
    for (name, run) in
        [("requests", Connection::run_requests as fn(&Connection)), ("replies", Connection::run_replies)]
    {
        let of = Arc::clone(&connection);
        if thread::Builder::new().name(name.to_owned()).spawn(move || run(&of)).is_err() {
            connection.close();
            return None;
        }
    }
    Some(connection)
}

#[cfg(test)]
mod tests;
