//! One client's connection and the one that stands for it at the broker.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::frame::{CORRELATION, Head, Reply, Request, framed, read_frame};
use super::shared::{Shared, Verdict};
use super::{Api, Direction, Fate, Passed, ProtocolState};

/// How long the broker may take to answer what was let through for a client that is gone.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(10);

/// The two sockets, and the requests that the broker has not answered.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) shared: Arc<Shared>,
    pub(super) client: TcpStream,
    pub(super) broker: TcpStream,
    pub(super) waiting: Mutex<VecDeque<Waiting>>,
}

/// A request that the broker has not answered. Brokers answer in the order of the requests.
#[derive(Debug)]
pub(super) struct Waiting {
    head: Head,
    commits: bool,
    transactional: bool,
    /// The second of a doubled request: its client waits for one answer only.
    spare: bool,
}

impl Connection {
    /// Hands requests on until the client has no more.
    pub(super) fn run_requests(&self) {
        let mut silent = false;
        let mut held = false;
        while let Ok(Some(frame)) = read_frame(&mut &self.client) {
            // Whatever cannot be read is nothing that a Kafka broker would answer.
            let Ok(request) = Request::parse(&frame) else { break };
            if silent {
                let state = self.shared.observer.state(&request.head.client);
                self.note_request(&request, frame.len(), Fate::Lost, state);
                continue;
            }
            let state = self.shared.observer.request(&request);
            self.shared.await_link(&request.head.client, Direction::ToBroker);
            let fate = match self.shared.judge_request(&request, state) {
                Verdict::Pass | Verdict::Replace(_) => Fate::Forwarded,
                Verdict::Hold(rule) => {
                    held = true;
                    self.shared.await_release(rule);
                    Fate::Released
                }
                Verdict::Delay(time) => {
                    held = true;
                    self.shared.delay(time);
                    Fate::Released
                }
                Verdict::Double => Fate::Doubled,
                Verdict::Drop => Fate::Lost,
                Verdict::Silence => {
                    silent = true;
                    Fate::Lost
                }
                Verdict::Cut => {
                    self.note_request(&request, frame.len(), Fate::Lost, state);
                    self.close();
                    return;
                }
            };
            // The link may have been cut by this very request, or while it was held.
            self.shared.await_link(&request.head.client, Direction::ToBroker);
            self.note_request(&request, frame.len(), fate, state);
            let copies = match fate {
                Fate::Lost => 0,
                Fate::Doubled => 2,
                _ => 1,
            };
            if !self.send(&request, &frame, copies) {
                break;
            }
        }
        if held {
            // Else the broker might close before it has said what became of the request.
            self.await_last_answers();
        }
        drop(self.broker.shutdown(Shutdown::Write));
    }

    fn send(&self, request: &Request<'_>, frame: &[u8], copies: usize) -> bool {
        let bytes = framed(frame);
        for copy in 0..copies {
            self.lock().push_back(Waiting {
                head: request.head.clone(),
                commits: request.commits() == Some(true),
                transactional: request.transactional_id().is_some(),
                spare: copy > 0,
            });
            if (&self.broker).write_all(&bytes).is_err() {
                return false;
            }
        }
        true
    }

    /// Hands replies on until the broker has no more.
    pub(super) fn run_replies(&self) {
        let mut silent = false;
        let mut unheard = false;
        while let Ok(Some(frame)) = read_frame(&mut &self.broker) {
            let Some(waiting) = self.lock().pop_front() else { break };
            let Waiting { head, commits, transactional, spare } = waiting;
            if Reply::new(&frame).correlation() != Some(head.correlation) {
                break;
            }
            if spare || silent {
                let fate = if spare { Fate::Spare } else { Fate::Lost };
                let state = self.shared.observer.state(&head.client);
                self.note_reply(&head, &frame, fate, state);
                continue;
            }
            self.shared.await_link(&head.client, Direction::FromBroker);
            let state = self.shared.observer.state(&head.client);
            let met = (commits, transactional);
            let verdict = self.shared.judge_reply(&head.client, head.api, met, state, &frame);
            let mut out = frame.clone();
            let fate = match verdict {
                Verdict::Pass | Verdict::Double => Fate::Forwarded,
                Verdict::Hold(rule) => {
                    self.shared.await_release(rule);
                    Fate::Released
                }
                Verdict::Delay(time) => {
                    self.shared.delay(time);
                    Fate::Released
                }
                Verdict::Replace(old) => {
                    out = in_answer_to(&frame, old);
                    Fate::Replaced
                }
                Verdict::Drop => Fate::Lost,
                Verdict::Silence => {
                    silent = true;
                    Fate::Lost
                }
                Verdict::Cut => {
                    self.note_reply(&head, &frame, Fate::Lost, state);
                    self.close();
                    return;
                }
            };
            self.shared.await_link(&head.client, Direction::FromBroker);
            if fate == Fate::Lost {
                self.note_reply(&head, &frame, fate, state);
                continue;
            }
            self.shared.observer.reply(&head.client, head.api);
            unheard = unheard || (&self.client).write_all(&framed(&out)).is_err();
            self.note_reply(&head, &out, if unheard { Fate::Unheard } else { fate }, state);
        }
        drop(self.client.shutdown(Shutdown::Both));
    }

    /// Closes both sides at once.
    pub(super) fn close(&self) {
        // A side that is gone already cannot be closed again.
        drop(self.client.shutdown(Shutdown::Both));
        drop(self.broker.shutdown(Shutdown::Both));
    }

    fn await_last_answers(&self) {
        let mut waited = Duration::ZERO;
        while !self.lock().is_empty() && waited < LAST_ANSWERS && !self.shared.is_closed() {
            crate::services::pause(LOOK);
            waited += LOOK;
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_request(&self, request: &Request<'_>, bytes: usize, fate: Fate, state: ProtocolState) {
        self.note(&request.head, Direction::ToBroker, bytes, (fate, state), None);
    }

    fn note_reply(&self, head: &Head, frame: &[u8], fate: Fate, state: ProtocolState) {
        let error = Reply::new(frame).error(head.api, head.version);
        self.note(head, Direction::FromBroker, frame.len(), (fate, state), error);
    }

    fn note(
        &self,
        head: &Head,
        direction: Direction,
        bytes: usize,
        (fate, state): (Fate, ProtocolState),
        error: Option<i16>,
    ) {
        // Of what is asked all the time only what is unusual is of interest.
        if matches!(head.api, Api::Fetch | Api::ApiVersions) && fate == Fate::Forwarded {
            return;
        }
        let Head { api, version, correlation, client } = head.clone();
        let connection = self.number;
        self.shared.note(Passed {
            connection,
            client,
            api,
            version,
            correlation,
            direction,
            bytes,
            fate,
            state,
            error,
        });
    }
}

/// An old reply with the number of the request that it now answers.
fn in_answer_to(frame: &[u8], mut old: Vec<u8>) -> Vec<u8> {
    if let (Some(to), Some(from)) = (old.get_mut(CORRELATION), frame.get(CORRELATION)) {
        to.copy_from_slice(from);
    }
    old
}
