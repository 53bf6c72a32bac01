//! DynamoDB: away, unwilling, without a table, weaker than claimed.

use anyhow::Result;
use velostream_testkit::states::{StateServer, StoreKind};

use crate::refused::{CANARY, dead_port, expect, run, tables};
use crate::{Servers, Test};

pub(crate) const TESTS: &[Test] = &[
    ("dynamodb::server_that_is_away_is_named_with_its_table", away),
    ("dynamodb::keys_that_are_none_are_refused_and_not_shown", keys),
    ("dynamodb::table_that_does_not_exist_is_refused", table),
    ("dynamodb::table_that_keeps_less_than_claimed_is_refused_by_the_setting", weak),
];

fn store(table: &str, url: &str, rest: &str) -> String {
    format!(
        "dynamodb: {{ table: {table}, region: us-east-1, endpoint_url: \"{url}\", credentials: {{ access_key_id: \
         \"${{STATE_KEY}}\", secret_access_key: \"${{STATE_SECRET}}\" }}{rest} }}"
    )
}

const GOOD: [(&str, &str); 2] = [("STATE_KEY", "velostream"), ("STATE_SECRET", CANARY)];

fn away(_: &Servers) -> Result<()> {
    let store = store("ids", &format!("http://127.0.0.1:{}", dead_port()?), "");
    let ended = run("away", &store, &GOOD)?;
    expect(&ended, 69, "VS-0053", &["state_store.dynamodb", "table ids"], "Start the server")
}

fn keys(servers: &Servers) -> Result<()> {
    let store = store("ids", &url(servers)?, "");
    // DynamoDB Local looks at no signature; an id with other characters than letters and digits is none to it.
    let keys = [("STATE_KEY", "not-a-key!"), ("STATE_SECRET", CANARY)];
    let ended = run("keys", &store, &keys)?;
    let words = ["state_store.dynamodb", "UnrecognizedClientException"];
    expect(&ended, 69, "VS-0053", &words, "Correct the credentials")
}

fn table(servers: &Servers) -> Result<()> {
    let ended = run("table", &store("nowhere", &url(servers)?, ""), &GOOD)?;
    let words = ["state_store.dynamodb", "table nowhere", "ResourceNotFoundException"];
    expect(&ended, 69, "VS-0053", &words, "Create the table")
}

fn weak(servers: &Servers) -> Result<()> {
    let made = tables(servers, StoreKind::DynamoDb)?;
    let rest = ", regions: { strong: { replicas: [us-east-1, us-east-2, us-west-2] } }";
    let ended = run("claims", &store(&made, &url(servers)?, rest), &GOOD)?;
    expect(&ended, 1, "VS-0057", &["MultiRegionConsistency", "needs STRONG"], "Correct the setting")
}

fn url(servers: &Servers) -> Result<String> {
    match servers.get(StoreKind::DynamoDb)? {
        StateServer::DynamoDb(server) => Ok(server.url()),
        other => anyhow::bail!("{} is not DynamoDB", other.kind()),
    }
}
