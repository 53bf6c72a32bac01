//! A PostgreSQL server in a container.

use anyhow::{Context, Result};

use super::{INSIDE, Place, PostgresServer};
use crate::services::container::{self, Container, Plan};
use crate::services::port::free_ports;

/// What the official image makes of an empty directory, with these settings, started.
pub(super) fn fresh(settings: &[(&str, &str)]) -> Result<PostgresServer> {
    let mut arguments = vec!["postgres".to_owned()];
    for (name, value) in [("shared_buffers", "16MB"), ("max_connections", "50")].iter().chain(settings) {
        arguments.extend(["-c".to_owned(), format!("{name}={value}")]);
    }
    started(arguments, None)
}

/// A standby of the server in the container `primary`, started.
pub(super) fn standby_of(primary: &PostgresServer, container: &str, name: &str) -> Result<PostgresServer> {
    // The official image lets clients of other hosts in, and no standby.
    primary.sql(
        "COPY (SELECT 'host replication all all trust') TO PROGRAM 'cat >> \"$PGDATA/pg_hba.conf\"';
         SELECT pg_reload_conf()",
    )?;
    let address = container::address(container)?;
    let source = format!("host={address} port={INSIDE} user=postgres application_name={name}");
    // Copied once: it is started again after a kill as it is.
    let script = format!(
        "set -e; test -s \"$PGDATA/PG_VERSION\" || \
         pg_basebackup -X stream -c fast -R -d '{source}' -D \"$PGDATA\"; \
         chmod 700 \"$PGDATA\"; \
         exec postgres -c 'primary_conninfo={source}' -c shared_buffers=16MB -c max_connections=50"
    );
    started(vec!["bash".to_owned(), "-c".to_owned(), script], Some("postgres"))
}

fn started(arguments: Vec<String>, user: Option<&'static str>) -> Result<PostgresServer> {
    let port = free_ports(1)?.first().copied().context("no port")?;
    let container = Container::start(Plan {
        service: "POSTGRES",
        image: "postgres:15",
        port: (port, INSIDE),
        arguments,
        variables: vec![("POSTGRES_HOST_AUTH_METHOD", "trust")],
        user,
        ..Plan::default()
    })?;
    let place = Place::Container { id: container.id().to_owned() };
    Ok(PostgresServer { host: Box::new(container), place, port })
}
