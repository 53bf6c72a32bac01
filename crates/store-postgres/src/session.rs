//! One round trip, of a statement or of a transaction: its limits, its retries, and what its failure means.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use futures::future::try_join_all;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::pool::Pool;
use crate::sql::shared::{COMMIT, start};
use crate::{Error, PostgresConfig};

/// A parameter with its type, so that the server need not be asked for it first.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A statement with its parameters.
pub(crate) type Statement<'a> = (&'a str, &'a [Parameter<'a>]);

/// Sends statements.
#[derive(Debug)]
pub(crate) struct Server {
    pool: Pool,
    connect_timeout: Duration,
    statement_timeout: Duration,
    start: &'static str,
}

/// Whether a statement changes anything: then a lost answer is not nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Changes,
}

impl Server {
    pub(crate) fn new(config: &PostgresConfig) -> Result<Self, Error> {
        let (connect_timeout, statement_timeout) = (config.connect_timeout, config.statement_timeout);
        Ok(Self {
            pool: Pool::new(config)?,
            connect_timeout,
            statement_timeout,
            start: start(config.dialect),
        })
    }

    /// Sends a statement, and again where the server undid it for another one's sake (40001, 40P01): up to 12 times with
    /// jitter, about a second in all.
    pub(crate) async fn query(
        &self,
        call: &'static str,
        effect: Effect,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Error> {
        let mut rows = self.again(call, effect, &[(sql, parameters)]).await?;
        Ok(rows.pop().unwrap_or_default())
    }

    /// Sends statements that change something as one transaction, in one round trip, and again where the server undid
    /// it for another one's sake, for as long as it would wait for an answer.
    pub(crate) async fn transact(
        &self,
        call: &'static str,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Vec<Row>>, Error> {
        let (start, commit): (Statement<'_>, Statement<'_>) = ((self.start, &[]), (COMMIT, &[]));
        let whole: Vec<_> = [start].into_iter().chain(statements.iter().copied()).chain([commit]).collect();
        let mut rows = self.again(call, Effect::Changes, &whole).await?;
        rows.remove(0);
        Ok(rows)
    }

    async fn again(
        &self,
        call: &'static str,
        effect: Effect,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Vec<Row>>, Error> {
        let policy = ExponentialBuilder::default().with_min_delay(Duration::from_millis(2)).with_jitter();
        let policy = match statements {
            [_] => policy.with_max_delay(Duration::from_millis(200)).with_max_times(12),
            // Under SERIALIZABLE all who wait for a set are undone by each who has it.
            _ => {
                let policy = policy.with_max_delay(Duration::from_millis(50)).without_max_times();
                policy.with_total_delay(Some(self.statement_timeout))
            }
        };
        (|| self.once(call, effect, statements)).retry(policy).when(Error::is_contention).await
    }

    async fn once(
        &self,
        call: &'static str,
        effect: Effect,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Vec<Row>>, Error> {
        let leased = tokio::time::timeout(self.connect_timeout, self.pool.lease(call)).await;
        let limit_ms = self.connect_timeout.as_millis();
        let lease = leased.unwrap_or(Err(Error::ConnectSlow { call, limit_ms }))?;
        drop(lease.take_warning());
        // Each goes out at its first poll, in this order; behind one that cannot be sent none is. What the server refused
        // is the first in order too, and those behind it in a transaction change nothing.
        let answers = statements.iter().map(|(sql, parameters)| lease.client().query_typed(sql, parameters));
        let answer = tokio::time::timeout(self.statement_timeout, try_join_all(answers));
        let limit_ms = self.statement_timeout.as_millis();
        let rows = match answer.await {
            Ok(Ok(rows)) => rows,
            Ok(Err(source)) => {
                // Behind an error of the server the session is as good as before.
                if source.code().is_some() && !lease.client().is_closed() {
                    lease.give_back();
                }
                return Err(Error::Statement { call, changes: effect == Effect::Changes, source });
            }
            // The lease is dropped: the answer, if it comes, finds nobody.
            Err(_) if effect == Effect::Changes => return Err(Error::AnswerLost { call, limit_ms }),
            Err(_) => return Err(Error::Slow { call, limit_ms }),
        };
        let warning = lease.take_warning();
        lease.give_back();
        match warning {
            // "canceling wait for synchronous replication": applied here, on no standby perhaps.
            Some(warning) if effect == Effect::Changes => Err(Error::Warned { call, warning }),
            _ => Ok(rows),
        }
    }
}
