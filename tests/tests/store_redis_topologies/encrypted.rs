//! Encrypted connections: who is trusted, and who is not.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use velostream_core::{ConditionalStore, Disposition};
use velostream_store_memory::MemoryStore;
use velostream_store_redis::{ClientCertificate, RedisConfig, RedisStore, Topology};
use velostream_testkit::answers_as_the_model;
use velostream_testkit::services::{Authority, RedisCluster, RedisNode, free_ports};

use crate::chain::Chain;
use crate::{Test, config_of, runtime};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("encrypted_server_of_a_trusted_authority_is_used", trusted),
        ("encrypted_server_of_another_authority_is_rejected", other_authority),
        ("encrypted_server_under_another_name_is_rejected", other_name),
        ("encrypted_server_that_wants_a_certificate_takes_the_clients", mutual),
        ("encrypted_cluster_is_never_spoken_to_in_plain", cluster),
        ("encrypted_connection_is_never_replaced_by_a_plain_one", plain_server),
    ]
}

/// A server with a plain port for the testkit and an encrypted one for the store.
pub(crate) fn server(authority: &Authority, names: &str, mutual: bool) -> Result<(RedisNode, String)> {
    let port = free_ports(1)?.first().copied().context("no port")?;
    let (certificate, key) = authority.sign("server", names)?;
    let text = |path: &Path| path.display().to_string();
    let (certificate, key, ca, port_text) =
        (text(&certificate), text(&key), text(&authority.file()), port.to_string());
    let server = RedisNode::redis(
        "encrypted",
        &[
            ("tls-port", &port_text),
            ("tls-cert-file", &certificate),
            ("tls-key-file", &key),
            ("tls-ca-cert-file", &ca),
            ("tls-auth-clients", if mutual { "yes" } else { "no" }),
        ],
    )?;
    Ok((server, RedisNode::url_at(port).replace("redis://", "rediss://")))
}

fn configured(authority: &Authority, names: &str, mutual: bool) -> Result<(RedisNode, RedisConfig)> {
    let (server, url) = server(authority, names, mutual)?;
    Ok((server, config_of(Topology::Single { url })))
}

fn trusting(mut config: RedisConfig, ca_file: PathBuf) -> RedisConfig {
    config.tls.ca_file = Some(ca_file);
    config
}

fn refusal(config: RedisConfig) -> Result<(Disposition, String)> {
    let refused = runtime().block_on(RedisStore::open(config)).map(|_| ());
    let error = refused.err().context("the server was trusted")?;
    Ok((error.disposition(), error.to_string()))
}

fn works(config: RedisConfig) -> Result<()> {
    runtime().block_on(async {
        let store = RedisStore::open(config).await?;
        store.attest().await?;
        let mut chain = Chain::of("t");
        chain.steps(&store, 4).await?;
        chain.check(&store).await?;
        answers_as_the_model(&store, &MemoryStore::new(), "set", 1, 100).await
    })
}

fn trusted() -> Result<()> {
    let authority = Authority::new()?;
    let (_server, config) = configured(&authority, "IP:127.0.0.1", false)?;
    works(trusting(config, authority.file()))
}

/// Servers of a cluster send clients to each other: by the encrypted port, too.
fn cluster() -> Result<()> {
    let authority = Authority::new()?;
    let cluster = RedisCluster::encrypted("encrypted", 3, &authority)?;
    let config = trusting(config_of(Topology::Cluster { urls: cluster.encrypted_urls() }), authority.file());
    works(config.clone())?;
    runtime().block_on(async {
        let store = RedisStore::open(config).await?;
        // Of many tasks some are on each server.
        for task in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] {
            let mut chain = Chain::of(task);
            chain.steps(&store, 2).await?;
            chain.check(&store).await?;
        }
        for (node, url) in cluster.nodes.iter().zip(cluster.encrypted_urls()) {
            let clients = node.text(&["CLIENT", "LIST"])?;
            let ours: Vec<&str> = clients.lines().filter(|line| line.contains("user=velostream ")).collect();
            let port = url.rsplit(':').next().unwrap_or_default().trim_end_matches('/');
            let encrypted = ours.iter().filter(|line| line.contains(&format!(" laddr=127.0.0.1:{port} ")));
            ensure!(!ours.is_empty() && encrypted.count() == ours.len(), "{url}: {clients}");
        }
        Ok(())
    })
}

fn other_authority() -> Result<()> {
    let (_server, config) = configured(&Authority::new()?, "IP:127.0.0.1", false)?;
    let other = Authority::new()?;
    let (disposition, why) = refusal(trusting(config.clone(), other.file()))?;
    ensure!(disposition == Disposition::Reject && why.contains("certificate"), "{disposition:?}: {why}");
    // Those of the system do not know it either.
    let (disposition, why) = refusal(config)?;
    ensure!(disposition == Disposition::Reject && why.contains("certificate"), "{disposition:?}: {why}");
    Ok(())
}

fn other_name() -> Result<()> {
    let authority = Authority::new()?;
    let (_server, config) = configured(&authority, "DNS:elsewhere.example", false)?;
    let (disposition, why) = refusal(trusting(config, authority.file()))?;
    ensure!(disposition == Disposition::Reject && why.contains("certificate"), "{disposition:?}: {why}");
    Ok(())
}

fn mutual() -> Result<()> {
    let authority = Authority::new()?;
    let (_server, config) = configured(&authority, "IP:127.0.0.1", true)?;
    let mut config = trusting(config, authority.file());
    refusal(config.clone())?;
    let (certificate, key) = authority.sign("client", "DNS:client")?;
    config.tls.client = Some(ClientCertificate { certificate, key });
    works(config)
}

fn plain_server() -> Result<()> {
    let authority = Authority::new()?;
    let server = RedisNode::redis("plain", &[])?;
    let url = server.url().replace("redis://", "rediss://");
    let (disposition, why) = refusal(trusting(RedisConfig::single(url), authority.file()))?;
    ensure!(disposition == Disposition::Retry, "{disposition:?}: {why}");
    Ok(())
}
