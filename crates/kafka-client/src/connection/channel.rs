//! The queue between those who start requests and the task that owns the socket.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::pending::Pending;
use crate::frame::{Broken, Frame, decode_response};
use crate::{ApiKey, BrokerId, Error, Malformed, Request, Result, Segments};

/// Requests that were not sent yet and requests without a reply, in one order.
pub(crate) struct Channel {
    broker: BrokerId,
    addr: Arc<str>,
    max_in_flight_bytes: usize,
    queue: Mutex<Queue>,
    /// Wakes the writer: a request, the end of a pause.
    work: Notify,
    /// Wakes the watchdog: a deadline earlier than those before.
    armed: Notify,
    /// Wakes those who wait for room.
    room: Notify,
    /// Wakes those who wait for the end.
    ended: Notify,
}

#[derive(Default)]
struct Queue {
    next_correlation: i32,
    unsent: VecDeque<(i32, Segments)>,
    waiting: VecDeque<Waiting>,
    in_flight_bytes: usize,
    quiet_until: Option<Instant>,
    closed: Option<Arc<str>>,
}

struct Waiting {
    correlation: i32,
    api: ApiKey,
    bytes: usize,
    sent: bool,
    deadline: Instant,
    waited: Duration,
    deliver: Deliver,
}

/// Decodes a reply, or takes the error in its place, and hands it to whoever asked. Decoding happens here and not
/// with the one who asked, so that a throttle is honoured even if nobody waits any more.
type Deliver = Box<dyn FnOnce(Result<Bytes>) -> Result<Duration, Malformed> + Send>;

/// A request that was not queued.
pub(crate) enum Refused {
    /// No room; the request comes back.
    Busy(Frame),
    /// The connection is closed.
    Closed(Error),
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.lock();
        f.debug_struct("Channel")
            .field("broker", &self.broker)
            .field("addr", &self.addr)
            .field("waiting", &queue.waiting.len())
            .field("in_flight_bytes", &queue.in_flight_bytes)
            .field("closed", &queue.closed)
            .finish_non_exhaustive()
    }
}

impl Channel {
    pub(crate) fn new(broker: BrokerId, addr: Arc<str>, max_in_flight_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            broker,
            addr,
            max_in_flight_bytes,
            queue: Mutex::default(),
            work: Notify::new(),
            armed: Notify::new(),
            room: Notify::new(),
            ended: Notify::new(),
        })
    }

    /// No code that can panic runs under this lock, so a poisoned one is as good as new.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn broker(&self) -> BrokerId {
        self.broker
    }

    pub(crate) fn addr(&self) -> &str {
        &self.addr
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed.is_some()
    }

    /// Puts a request behind the others and says where its reply will appear. The deadline starts now, or after the
    /// pause that the broker has asked for.
    pub(crate) fn queue<R: Request>(
        self: &Arc<Self>,
        frame: Frame,
        deadline: Duration,
    ) -> Result<Pending<R::Response>, Refused> {
        let (answer, reply) = oneshot::channel();
        let (api, version, broker, bytes) = (frame.api, frame.version, self.broker, frame.len());
        let deliver: Deliver = Box::new(move |result| {
            let decoded = result.map(|frame| decode_response::<R>(frame, version));
            let (result, known) = match decoded {
                Ok(Ok(response)) => {
                    let throttle = R::throttle(&response);
                    (Ok(response), Ok(throttle))
                }
                Ok(Err(what)) => (Err(Error::Decode { broker, api: Some(api), what }), Err(what)),
                Err(error) => (Err(error), Ok(Duration::ZERO)),
            };
            // Nobody may be waiting any more; the reply is then thrown away.
            drop(answer.send(result));
            known
        });
        let mut queue = self.lock();
        if let Some(reason) = &queue.closed {
            return Err(Refused::Closed(self.closed_error(api, reason, false)));
        }
        if !self.fits(&queue, bytes) {
            return Err(Refused::Busy(frame));
        }
        let now = Instant::now();
        let deadline_at = queue.quiet_until.map_or(now, |quiet| quiet.max(now)) + deadline;
        let earliest = queue.waiting.iter().all(|w| deadline_at < w.deadline);
        let correlation = queue.next_correlation;
        queue.next_correlation = correlation.wrapping_add(1) & i32::MAX;
        queue.in_flight_bytes = queue.in_flight_bytes.saturating_add(bytes);
        queue.unsent.push_back((correlation, frame.into_segments(correlation)));
        queue.waiting.push_back(Waiting {
            correlation,
            api,
            bytes,
            sent: false,
            deadline: deadline_at,
            waited: deadline,
            deliver,
        });
        drop(queue);
        self.work.notify_one();
        if earliest {
            self.armed.notify_one();
        }
        Ok(Pending::new(Arc::clone(self), reply))
    }

    /// The error for a request that found no room.
    pub(crate) fn busy_error(&self, frame: &Frame) -> Error {
        Error::Busy {
            broker: self.broker,
            api: frame.api,
            in_flight_bytes: self.lock().in_flight_bytes,
            request_bytes: frame.len(),
            max_bytes: self.max_in_flight_bytes,
        }
    }

    fn fits(&self, queue: &Queue, bytes: usize) -> bool {
        queue.waiting.is_empty() || queue.in_flight_bytes.saturating_add(bytes) <= self.max_in_flight_bytes
    }

    pub(crate) async fn ready(&self, bytes: usize) {
        self.until(&self.room, |queue| queue.closed.is_some() || self.fits(queue, bytes)).await;
    }

    pub(crate) async fn closed(&self) {
        self.until(&self.ended, |queue| queue.closed.is_some()).await;
    }

    async fn until(&self, notify: &Notify, condition: impl Fn(&Queue) -> bool) {
        loop {
            let notified = notify.notified();
            tokio::pin!(notified);
            // Listens before it looks, so that no change between the two is missed.
            notified.as_mut().enable();
            if condition(&self.lock()) {
                return;
            }
            notified.await;
        }
    }

    /// The next request to write, once the pause asked for by the broker is over (KIP-219).
    pub(super) async fn next_unsent(&self) -> Segments {
        loop {
            let quiet_until = match self.take_unsent() {
                Ok(segments) => return segments,
                Err(quiet_until) => quiet_until,
            };
            match quiet_until {
                Some(end) => tokio::time::sleep_until(end).await,
                None => self.work.notified().await,
            }
        }
    }

    /// Takes the next request and marks it as sent in one step: what is not marked was certainly not written.
    fn take_unsent(&self) -> Result<Segments, Option<Instant>> {
        let mut queue = self.lock();
        if let Some(end) = queue.quiet_until.filter(|end| *end > Instant::now()) {
            return Err(Some(end));
        }
        let (correlation, segments) = queue.unsent.pop_front().ok_or(None)?;
        queue.waiting.iter_mut().filter(|w| w.correlation == correlation).for_each(|w| w.sent = true);
        Ok(segments)
    }

    /// Hands a response to the oldest request, which must be the one that it names.
    pub(super) fn reply(&self, correlation: i32, frame: Bytes) -> Result<(), Malformed> {
        let waiting = {
            let mut queue = self.lock();
            match queue.waiting.front() {
                Some(front) if front.correlation == correlation && front.sent => {}
                _ => return Err(Malformed { what: "correlation id that is not next", at: 0 }),
            }
            let Some(waiting) = queue.waiting.pop_front() else { return Ok(()) };
            queue.in_flight_bytes = queue.in_flight_bytes.saturating_sub(waiting.bytes);
            waiting
        };
        self.room.notify_waiters();
        match (waiting.deliver)(Ok(frame)) {
            Ok(Duration::ZERO) => {}
            Ok(throttle) => {
                let until = Instant::now() + throttle;
                let mut queue = self.lock();
                queue.quiet_until = Some(queue.quiet_until.map_or(until, |old| old.max(until)));
                tracing::debug!(broker = self.broker.0, ?throttle, "broker asks for a pause");
            }
            // The one who asked has the exact error; what follows on this socket cannot be trusted.
            Err(what) => {
                tracing::warn!(broker = self.broker.0, api = %waiting.api, %what, "answer cannot be understood");
                self.close("an answer could not be understood");
            }
        }
        Ok(())
    }

    /// Returns once a request is overdue; whether anybody still waits for it does not matter, because nothing behind
    /// it can be answered either.
    pub(super) async fn overdue(&self) {
        loop {
            let next = self.lock().waiting.iter().map(|w| w.deadline).min();
            match next {
                Some(at) if at <= Instant::now() => return,
                Some(at) => drop(tokio::time::timeout_at(at, self.armed.notified()).await),
                None => self.armed.notified().await,
            }
        }
    }

    /// Closes the connection because of overdue requests: those time out, the others only lose the connection.
    pub(super) fn expire(&self) {
        let now = Instant::now();
        self.shut(self.lock(), "a request was not answered in time", |w, reason| {
            if w.deadline > now {
                return self.closed_error(w.api, reason, w.sent);
            }
            let (broker, addr) = (self.broker, Arc::clone(&self.addr));
            Error::Timeout { broker, addr, api: Some(w.api), waited: w.waited, sent: w.sent }
        });
    }

    /// Closes the connection on purpose.
    pub(crate) fn close(&self, reason: &str) {
        self.shut(self.lock(), reason, |w, reason| self.closed_error(w.api, reason, w.sent));
    }

    /// Closes the connection after a fault: every request gets the cause.
    pub(super) fn fail(&self, broken: Broken) {
        match broken {
            Broken::Io(source) => {
                let source = Arc::new(source);
                self.shut(self.lock(), &source.to_string(), |w, _| self.io_error(w, &source));
            }
            Broken::Malformed(what) => {
                let mut first = true;
                self.shut(self.lock(), &what.to_string(), |w, reason| {
                    if std::mem::take(&mut first) {
                        Error::Decode { broker: self.broker, api: Some(w.api), what }
                    } else {
                        self.closed_error(w.api, reason, w.sent)
                    }
                });
            }
        }
    }

    fn shut(
        &self,
        mut queue: MutexGuard<'_, Queue>,
        reason: &str,
        mut error: impl FnMut(&Waiting, &Arc<str>) -> Error,
    ) {
        if queue.closed.is_some() {
            return;
        }
        let reason: Arc<str> = reason.into();
        queue.closed = Some(Arc::clone(&reason));
        queue.unsent.clear();
        queue.in_flight_bytes = 0;
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        tracing::debug!(broker = self.broker.0, addr = %self.addr, %reason, lost = waiting.len(), "connection closed");
        for w in waiting {
            let error = error(&w, &reason);
            let _nothing_decoded = (w.deliver)(Err(error));
        }
        self.room.notify_waiters();
        self.ended.notify_waiters();
    }

    fn closed_error(&self, api: ApiKey, reason: &Arc<str>, sent: bool) -> Error {
        let (broker, addr) = (self.broker, Arc::clone(&self.addr));
        Error::Closed { broker, addr, api, reason: Arc::clone(reason), sent }
    }

    fn io_error(&self, waiting: &Waiting, source: &Arc<io::Error>) -> Error {
        let (broker, addr) = (self.broker, Arc::clone(&self.addr));
        Error::Io { broker, addr, api: Some(waiting.api), sent: waiting.sent, source: Arc::clone(source) }
    }
}

#[cfg(test)]
mod tests;
