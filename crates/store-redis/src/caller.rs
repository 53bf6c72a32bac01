//! One call: who is asked, and where a refusal sends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::{Cmd, Pipeline, Value, cmd};
use tokio::time::timeout;

use crate::Error;
use crate::doing::{Doing, failed, is_of_another_role, is_refusal};
use crate::pool::Pool;
use crate::script::By;
use crate::servers::Servers;
use crate::slots::Redirect;

/// How often a call follows a redirection. Two are usual while a slot moves: to the new server, and by ASK from it.
const MAX_REDIRECTS: usize = 5;

/// Who is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum To<'a> {
    /// Whoever serves the task with this hash tag.
    Task(&'a str),
    /// This server.
    Server(&'a Pool),
}

/// The answers to the commands of a call, of which the first is none of refusal.
#[derive(Debug)]
pub(crate) struct Answered {
    /// Who has answered.
    pub(crate) server: String,
    pub(crate) first: Value,
    pub(crate) rest: Vec<Value>,
}

/// Makes calls.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) servers: Servers,
}

impl Caller {
    /// Sends commands on a connection that no other call shares, and waits at most `deadline` for all of it. What is
    /// repeated, on another server or with the script's text, was refused as a whole before.
    pub(crate) async fn call(
        &self,
        doing: Doing,
        to: To<'_>,
        deadline: Duration,
        commands: impl Fn(By) -> Vec<Cmd> + Send + Sync,
    ) -> Result<Answered, Error> {
        // True while a write is on its way and its answer not known.
        let open = AtomicBool::new(false);
        match timeout(deadline, self.routed(doing, to, &commands, &open)).await {
            Ok(answered) => answered,
            Err(_) => {
                self.servers.doubt();
                Err(self.late(doing, deadline, open.load(Ordering::Relaxed)))
            }
        }
    }

    /// Follows redirections.
    async fn routed(
        &self,
        doing: Doing,
        to: To<'_>,
        commands: &(impl Fn(By) -> Vec<Cmd> + Send + Sync),
        open: &AtomicBool,
    ) -> Result<Answered, Error> {
        let tag = match to {
            To::Task(tag) => tag,
            To::Server(pool) => {
                return self.judged(doing, pool, self.sent(doing, pool, false, commands, open).await?);
            }
        };
        let (mut pool, mut asking) = (self.servers.of_task(tag).await?, false);
        for _ in 0..MAX_REDIRECTS {
            let values = self.sent(doing, &pool, asking, commands, open).await?;
            let Some(redirect) = redirect(&values, &pool) else { return self.judged(doing, &pool, values) };
            match self.servers.redirected(&redirect)? {
                Some(other) => (pool, asking) = (other, matches!(redirect, Redirect::Ask(_))),
                None => return self.judged(doing, &pool, values),
            }
        }
        let values = self.sent(doing, &pool, asking, commands, open).await?;
        self.judged(doing, &pool, values)
    }

    /// One exchange with one server, a second one where it does not know the script.
    async fn sent(
        &self,
        doing: Doing,
        pool: &Pool,
        asking: bool,
        commands: &(impl Fn(By) -> Vec<Cmd> + Send + Sync),
        open: &AtomicBool,
    ) -> Result<Vec<Value>, Error> {
        let mut lease = pool.lease().await.inspect_err(|_| self.servers.doubt())?;
        let exchanged = async {
            open.store(doing.writes, Ordering::Relaxed);
            let mut values = lease.exchange(&pipeline(asking, commands(By::Hash))).await?;
            if refusal(&values, usize::from(asking)) == Some("NOSCRIPT") {
                values = lease.exchange(&pipeline(asking, commands(By::Text))).await?;
            }
            Ok(values)
        };
        let mut values = exchanged.await.map_err(|source| {
            pool.forget();
            self.servers.doubt();
            failed(doing, &pool.server, source)
        })?;
        lease.keep();
        if asking && !values.is_empty() {
            let asked = values.remove(0).extract_error();
            asked.map_err(|source| failed(doing, &pool.server, source))?;
        }
        if refusal(&values, 0).is_some_and(is_refusal) {
            open.store(false, Ordering::Relaxed);
        }
        Ok(values)
    }

    fn judged(&self, doing: Doing, pool: &Pool, values: Vec<Value>) -> Result<Answered, Error> {
        let mut values = values.into_iter();
        let first = values.next().unwrap_or(Value::Nil).extract_error();
        let first = first.map_err(|source| {
            if source.code().is_some_and(is_of_another_role) {
                pool.forget();
                self.servers.doubt();
            }
            failed(doing, &pool.server, source)
        })?;
        Ok(Answered { server: pool.server.clone(), first, rest: values.collect() })
    }

    /// No answer by the deadline.
    pub(crate) fn late(&self, doing: Doing, deadline: Duration, open: bool) -> Error {
        let (server, deadline_ms) = (self.servers.name().to_owned(), deadline.as_millis());
        match open {
            true => Error::Unanswered { server, doing: doing.what, deadline_ms },
            false => Error::Slow { server, doing: doing.what, deadline_ms },
        }
    }

    /// All servers that serve tasks.
    pub(crate) async fn primaries(&self, doing: Doing, deadline: Duration) -> Result<Vec<Arc<Pool>>, Error> {
        match timeout(deadline, self.servers.primaries()).await {
            Ok(primaries) => primaries,
            Err(_) => Err(self.late(doing, deadline, false)),
        }
    }
}

fn pipeline(asking: bool, commands: Vec<Cmd>) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(commands.len().saturating_add(1));
    if asking {
        pipeline.add_command(cmd("ASKING"));
    }
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline
}

/// The code of the refusal in an answer.
fn refusal(values: &[Value], at: usize) -> Option<&str> {
    match values.get(at) {
        Some(Value::ServerError(error)) => Some(error.code()),
        _ => None,
    }
}

fn redirect(values: &[Value], pool: &Pool) -> Option<Redirect> {
    match values.first() {
        Some(Value::ServerError(error)) => Redirect::parse(&error.clone().into(), &pool.address()),
        _ => None,
    }
}
