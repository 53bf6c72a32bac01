//! A state store on a real server, and the lines of a job file that name it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::StoreKind;
use crate::nemesis::{Job, ends_well};
use crate::services::{DynamoDb, PostgresServer, RedisServer, repository_root};

/// The rights that operators are told to give: what is tested is that they are enough.
const GRANTS: &str = "crates/store-postgres/grants.sql";
const POSTGRES_USER: &str = "velostream_worker";

/// A state store with the server that it needs. Dropping it stops the server.
#[derive(Debug)]
pub enum StateServer {
    /// Memory of the worker.
    Memory,
    /// A file beside the job.
    Redb,
    /// A Redis server that syncs every write.
    Redis(RedisServer),
    /// A PostgreSQL server with a user of least rights.
    Postgres(PostgresServer),
    /// DynamoDB Local.
    DynamoDb(DynamoDb),
}

impl StateServer {
    /// Starts what the store needs.
    ///
    /// # Errors
    /// When the server cannot be installed or does not come up.
    pub fn start(kind: StoreKind) -> Result<Self> {
        Ok(match kind {
            StoreKind::Memory => Self::Memory,
            StoreKind::Redb => Self::Redb,
            StoreKind::Redis => Self::Redis(RedisServer::start("states", &[])?),
            StoreKind::Postgres => {
                let server = PostgresServer::start(&[])?;
                server.sql(&format!("CREATE ROLE {POSTGRES_USER} LOGIN"))?;
                Self::Postgres(server)
            }
            StoreKind::DynamoDb => Self::DynamoDb(DynamoDb::start()?),
        })
    }

    /// The store.
    #[must_use]
    pub const fn kind(&self) -> StoreKind {
        match self {
            Self::Memory => StoreKind::Memory,
            Self::Redb => StoreKind::Redb,
            Self::Redis(_) => StoreKind::Redis,
            Self::Postgres(_) => StoreKind::Postgres,
            Self::DynamoDb(_) => StoreKind::DynamoDb,
        }
    }

    /// The job with this store: a prefix, schema or table of its own, made by `velostream state init` as a user who may and
    /// used as one who may no more than is needed.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn give(&self, job: Job) -> Result<Job> {
        let place = job.name.clone();
        self.give_at(job, &place)
    }

    /// As [`give`](Self::give), with this name for prefix, schema or table: jobs that share ids have one of them.
    ///
    /// # Errors
    /// As there.
    pub fn give_at(&self, job: Job, name: &str) -> Result<Job> {
        let job = match self {
            Self::Memory => job.top("state_store: { memory: {} }"),
            Self::Redb => {
                let path = job.dir.join("state.redb");
                job.top(&format!("state_store: {{ redb: {{ path: \"{}\" }} }}", path.display()))
            }
            Self::Redis(server) => job
                .top(&format!("state_store: {{ redis: {{ url: \"${{STATE_URL}}\", prefix: \"velostream:{name}:\" }} }}"))
                .variable("STATE_URL", &server.url()),
            Self::Postgres(server) => {
                let schema = name.replace('-', "_");
                let job = job
                    .top(&format!("state_store: {{ postgres: {{ url: \"${{STATE_URL}}\", schema: {schema} }} }}"))
                    .variable("STATE_URL", &server.url("postgres"));
                ends_well(&job.command(&["state", "init"])?)?;
                let grants = fs::read_to_string(repository_root().join(GRANTS)).context(GRANTS)?;
                let grants = grants.replace("SCHEMA velostream ", &format!("SCHEMA {schema} "));
                server.sql(&grants.replace("velostream.", &format!("{schema}.")))?;
                return Ok(job.variable("STATE_URL", &server.url(POSTGRES_USER)));
            }
            Self::DynamoDb(server) => job
                .top(&format!(
                    "state_store: {{ dynamodb: {{ table: {name}, region: us-east-1, endpoint_url: \"{}\", credentials: \
                     {{ access_key_id: \"${{STATE_KEY}}\", secret_access_key: \"${{STATE_SECRET}}\" }} }} }}",
                    server.url()
                ))
                .variable("STATE_KEY", "velostream")
                .variable("STATE_SECRET", "onlyfortests"),
        };
        if self.kind() != StoreKind::Memory {
            ends_well(&job.command(&["state", "init"])?)?;
        }
        Ok(job)
    }

    /// kill -9 of the server; what was acknowledged is there again after [`StateServer::restart`].
    ///
    /// # Errors
    /// When there is none, or the kernel refuses.
    pub fn kill(&mut self) -> Result<()> {
        match self {
            Self::Redis(server) => server.kill(),
            Self::Postgres(server) => server.kill(),
            Self::DynamoDb(server) => server.kill(),
            Self::Memory | Self::Redb => bail!("{} has no server", self.kind()),
        }
    }

    /// Starts the server again on the same port and data.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart(&mut self) -> Result<()> {
        match self {
            Self::Redis(server) => server.restart(),
            Self::Postgres(server) => server.launch(),
            Self::DynamoDb(server) => server.restart(),
            Self::Memory | Self::Redb => bail!("{} has no server", self.kind()),
        }
    }

    /// Longest that a worker may take to say that the server is away.
    pub const PATIENCE: Duration = Duration::from_secs(120);
}
