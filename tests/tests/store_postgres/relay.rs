//! A TCP relay in front of the server that loses what it is told to lose.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What happens to the next bytes; after a loss the relay passes everything again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fate {
    Pass = 0,
    /// The server gets the request, the client a closed connection.
    LoseReply = 1,
    /// The server gets nothing, the client a closed connection.
    LoseRequest = 2,
    /// The server gets the request, the client nothing.
    HoldReply = 3,
}

/// Listens until the process ends.
#[derive(Debug)]
pub(crate) struct Relay {
    port: u16,
    fate: Arc<AtomicU8>,
    later: Arc<Mutex<Option<(u8, Fate)>>>,
}

impl Relay {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port_here = listener.local_addr().unwrap().port();
        let relay = Self { port: port_here, fate: Arc::default(), later: Arc::default() };
        let (fate, later) = (Arc::clone(&relay.fate), Arc::clone(&relay.later));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
                let (client_back, server_back) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (there, back) = (Arc::clone(&fate), Arc::clone(&fate));
                let later = Arc::clone(&later);
                thread::spawn(move || {
                    copy(client, server, &there, Fate::LoseRequest, || count(&later, &there))
                });
                thread::spawn(move || copy(server_back, client_back, &back, Fate::LoseReply, || ()));
            }
        });
        relay
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn next(&self, fate: Fate) {
        self.after(0, fate);
    }

    /// The fate of what comes behind `requests` that pass.
    pub(crate) fn after(&self, requests: u8, fate: Fate) {
        *self.later.lock().unwrap() = Some((requests, fate));
    }
}

/// At each request.
fn count(later: &Mutex<Option<(u8, Fate)>>, now: &AtomicU8) {
    let mut later = later.lock().unwrap();
    match later.take() {
        Some((0, fate)) => now.store(fate as u8, Ordering::SeqCst),
        Some((requests, fate)) => *later = Some((requests - 1, fate)),
        None => {}
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, fate: &AtomicU8, mine: Fate, before: impl Fn()) {
    let mut buffer = [0; 16 * 1024];
    let mut holding = false;
    let is = |wanted: Fate| fate.load(Ordering::SeqCst) == wanted as u8;
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        before();
        if is(mine) {
            fate.store(Fate::Pass as u8, Ordering::SeqCst);
            break;
        }
        if mine == Fate::LoseReply && is(Fate::HoldReply) {
            fate.store(Fate::Pass as u8, Ordering::SeqCst);
            holding = true;
        }
        if holding {
            continue;
        }
        if to.write_all(buffer.get(..read).unwrap_or_default()).is_err() {
            break;
        }
    }
    for stream in [from, to] {
        // It may be closed already.
        drop(stream.shutdown(Shutdown::Both));
    }
}
