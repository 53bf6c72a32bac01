//! The server that the tests share, with a user for each dialect who may do what `grants.sql` says.

use std::time::Duration;

use velostream_store_postgres::{Dialect, PostgresConfig, migrate};
use velostream_testkit::services::PostgresServer;

const GRANTS: &str = include_str!("../../../crates/store-postgres/grants.sql");

#[derive(Debug)]
pub(crate) struct TestServer {
    pub(crate) server: PostgresServer,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        let server = PostgresServer::start(&[]).unwrap();
        settle(&server);
        Self { server }
    }

    pub(crate) fn config(&self, dialect: Dialect) -> PostgresConfig {
        let mut config = PostgresConfig::new(self.server.url(name(dialect)));
        config.schema = name(dialect).into();
        config.dialect = dialect;
        // The machine may be busy; limits are tested by replies that never come.
        config.connect_timeout = Duration::from_secs(60);
        config.statement_timeout = Duration::from_secs(60);
        config
    }

    /// Through a relay, with one connection and short limits.
    pub(crate) fn behind(&self, port: u16) -> PostgresConfig {
        let mut config = self.config(Dialect::PostgreSql);
        config.url = format!("postgresql://{}@127.0.0.1:{port}/postgres", name(Dialect::PostgreSql));
        config.connections = 1;
        config.statement_timeout = Duration::from_secs(5);
        config
    }
}

/// Schema and user have one name.
pub(crate) const fn name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::PostgreSql => "velostream_worker",
        Dialect::CockroachDb => "cockroach_worker",
    }
}

/// Makes tables and users.
pub(crate) fn settle(server: &PostgresServer) {
    for dialect in [Dialect::PostgreSql, Dialect::CockroachDb] {
        let name = name(dialect);
        let mut config = PostgresConfig::new(server.url("postgres"));
        config.schema = name.into();
        config.dialect = dialect;
        for _ in 0..2 {
            run(async { migrate(&config).await.unwrap() });
        }
        server.sql(&format!("CREATE ROLE {name} LOGIN")).unwrap();
        let grants = GRANTS.replace("SCHEMA velostream ", &format!("SCHEMA {name} "));
        let grants = grants.replace("velostream.", &format!("{name}."));
        server.sql(&grants.replace("velostream_worker;", &format!("{name};"))).unwrap();
    }
    server.sql("ALTER ROLE cockroach_worker SET default_transaction_isolation = 'serializable'").unwrap();
}

pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        // Nothing takes so long: a call that does not end becomes a failure.
        tokio::time::timeout(Duration::from_secs(120), test).await.unwrap()
    })
}
