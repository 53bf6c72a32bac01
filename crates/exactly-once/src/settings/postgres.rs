//! Settings of the PostgreSQL store.

use velostream_store_postgres as store;

use crate::config::{PostgresDialect, PostgresStateConfig, PostgresTls, SurvivalGoal};

/// Settings of the store.
#[must_use]
pub fn store(postgres: &PostgresStateConfig) -> store::PostgresConfig {
    let mut settings = store::PostgresConfig::new(postgres.url.expose());
    settings.schema.clone_from(&postgres.schema);
    settings.dialect = match postgres.dialect {
        PostgresDialect::PostgreSql => store::Dialect::PostgreSql,
        PostgresDialect::CockroachDb => store::Dialect::CockroachDb,
    };
    settings.tls = match &postgres.tls {
        PostgresTls::Off => store::Tls::Off,
        PostgresTls::Verify(verify) => {
            store::Tls::Verify { ca_file: verify.ca_file.as_ref().map(Into::into) }
        }
    };
    settings.class = postgres.class();
    settings.remote_standbys.clone_from(&postgres.remote_standbys);
    settings.survival_goal = postgres.survival_goal.map(|goal| match goal {
        SurvivalGoal::Zone => store::SurvivalGoal::Zone,
        SurvivalGoal::Region => store::SurvivalGoal::Region,
    });
    settings.connect_timeout = postgres.connect_timeout;
    settings.statement_timeout = postgres.statement_timeout;
    settings
}

/// What the store refuses without a server: the setting, and why.
pub(crate) fn refusal(postgres: &PostgresStateConfig) -> Option<(&'static str, String)> {
    match store(postgres).validate() {
        Ok(()) => None,
        Err(store::Error::Config { setting, why }) => Some((setting, why.to_owned())),
        Err(error) => Some(("class", error.to_string())),
    }
}
