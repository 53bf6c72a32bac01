//! The tables: made once by a user who may, checked by every worker.

use tokio_postgres::error::SqlState;

use crate::session::{Effect, Server};
use crate::sql::{FORMAT, Sql, migration};
use crate::{Error, PostgresConfig};

/// Creates the tables in `config.schema`, or brings older ones up to date. The user needs CREATE; the worker's own
/// rights are in `grants.sql`.
///
/// # Errors
/// `Config`, `NewerVersion` -> Reject; `Connect`, `ConnectSlow` -> Retry; `Statement` as the server says.
///
/// # Crash safety
/// Every step may be repeated; a worker starts only behind the last one.
pub async fn migrate(config: &PostgresConfig) -> velostream_core::Result<()> {
    config.validate()?;
    let server = Server::new(config)?;
    let sql = Sql::new(&config.schema);
    match check(&server, &sql, &config.schema).await {
        Err(Error::NotMigrated { .. }) => {}
        other => return Ok(other?),
    }
    for statement in migration(&config.schema, config.dialect) {
        server.query("migrate", Effect::Changes, &statement, &[]).await?;
    }
    Ok(check(&server, &sql, &config.schema).await?)
}

/// That the tables are there and of the format that this program reads.
pub(crate) async fn check(server: &Server, sql: &Sql, schema: &str) -> Result<(), Error> {
    let rows = match server.query("open", Effect::Reads, &sql.version, &[]).await {
        Err(Error::Statement { source, .. }) if is_missing(&source) => Vec::new(),
        other => other?,
    };
    let schema = schema.to_owned();
    let Some(row) = rows.first() else { return Err(Error::NotMigrated { schema }) };
    let found = row.try_get(0).map_err(|source| Error::Statement { call: "open", changes: false, source })?;
    match found {
        FORMAT => Ok(()),
        found if found > FORMAT => Err(Error::NewerVersion { schema, found, supported: FORMAT }),
        _ => Err(Error::NotMigrated { schema }),
    }
}

fn is_missing(source: &tokio_postgres::Error) -> bool {
    let code = source.code();
    code == Some(&SqlState::UNDEFINED_TABLE) || code == Some(&SqlState::INVALID_SCHEMA_NAME)
}
