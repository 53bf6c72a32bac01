//! How servers are reached: who logs in, and what an encrypted connection trusts.

use std::fs;
use std::path::{Path, PathBuf};

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    TlsCertificates,
};

use crate::Error;

/// What encrypted connections trust and show. The server's certificate is always checked against its name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tls {
    /// File of the authorities in PEM; `None` takes those of the system.
    pub ca_file: Option<PathBuf>,
    /// The client's own certificate, for servers with `tls-auth-clients`.
    pub client: Option<ClientCertificate>,
}

/// A client's certificate with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// File of the certificate and what signed it, in PEM.
    pub certificate: PathBuf,
    /// File of the key in PEM.
    pub key: PathBuf,
}

/// Login and encryption that a set of servers shares.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) login: RedisConnectionInfo,
    /// Whether connections are encrypted.
    pub(crate) encrypted: bool,
    pub(crate) certificates: Option<TlsCertificates>,
}

impl Access {
    /// What these URLs say alike, and the address in each.
    pub(crate) fn of(urls: &[&str], tls: &Tls) -> Result<(Self, Vec<ConnectionAddr>), Error> {
        let mut shared: Option<(RedisConnectionInfo, bool)> = None;
        let mut addresses = Vec::with_capacity(urls.len());
        for url in urls {
            // The library's text is left out: it may repeat the URL, and with it a password.
            let parsed = url.into_connection_info().map_err(|_| unusable("it cannot be understood"))?;
            let address = parsed.addr().clone();
            if let ConnectionAddr::TcpTls { insecure: true, .. } = address {
                return Err(unusable("a certificate that is not checked protects nothing; name a ca_file"));
            }
            let encrypted = matches!(address, ConnectionAddr::TcpTls { .. });
            let login = parsed.redis_settings();
            match &shared {
                Some((first, sealed)) if !alike(first, login) || *sealed != encrypted => {
                    return Err(unusable("scheme, user, password and database must be the same in all"));
                }
                Some(_) => {}
                None => shared = Some((login.clone(), encrypted)),
            }
            addresses.push(address);
        }
        let (login, encrypted) = shared.ok_or_else(|| unusable("at least one is needed"))?;
        let certificates = match encrypted {
            true => certificates(tls)?,
            false => None,
        };
        if encrypted {
            // The library takes the process's provider, and there is none yet where the program has not chosen one.
            drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        }
        Ok((Self { login, encrypted, certificates }, addresses))
    }

    /// Who connects to `address`. Connects to nothing yet.
    pub(crate) fn client(&self, address: ConnectionAddr) -> Result<Client, RedisError> {
        let info = address.into_connection_info()?.set_redis_settings(self.login.clone());
        match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        }
    }

    /// The address of another of these servers.
    pub(crate) fn address(&self, host: String, port: u16) -> ConnectionAddr {
        match self.encrypted {
            true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
            false => ConnectionAddr::Tcp(host, port),
        }
    }
}

/// Host and port, for errors.
pub(crate) fn shown(address: &ConnectionAddr) -> String {
    match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            format!("{host}:{port}")
        }
        _ => "local socket".into(),
    }
}

fn unusable(why: &str) -> Error {
    Error::Config { setting: "url", why: why.into() }
}

fn alike(one: &RedisConnectionInfo, other: &RedisConnectionInfo) -> bool {
    one.username() == other.username() && one.password() == other.password() && one.db() == other.db()
}

fn certificates(tls: &Tls) -> Result<Option<TlsCertificates>, Error> {
    if tls.ca_file.is_none() && tls.client.is_none() {
        return Ok(None);
    }
    let root_cert = tls.ca_file.as_deref().map(read).transpose()?;
    if let (Some(pem), Some(path)) = (&root_cert, &tls.ca_file)
        && !pem.windows(BEGIN.len()).any(|window| window == BEGIN)
    {
        return Err(Error::File { path: path.clone(), why: "it holds no certificate".into() });
    }
    let client = tls.client.as_ref();
    let client_tls = client.map(|client| {
        let (client_cert, client_key) = (read(&client.certificate)?, read(&client.key)?);
        Ok::<_, Error>(ClientTlsConfig { client_cert, client_key })
    });
    Ok(Some(TlsCertificates { client_tls: client_tls.transpose()?, root_cert }))
}

/// How a certificate in PEM begins (RFC 7468, section 5.1).
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| Error::File { path: path.into(), why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(urls: &[&str], tls: &Tls) -> String {
        Access::of(urls, tls).map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn urls_that_say_the_same_share_an_access() {
        let (access, addresses) = Access::of(&["redis://u:p@a:1", "redis://u:p@b"], &Tls::default()).unwrap();
        assert_eq!(addresses.iter().map(shown).collect::<Vec<_>>(), ["a:1", "b:6379"]);
        assert!(!access.encrypted && access.login.username() == Some("u"));
    }

    #[test]
    fn urls_that_cannot_be_used_are_refused_without_secrets() {
        let plain = Tls::default();
        for urls in [
            &["redis://u:secret@a", "redis://u:other@b"][..],
            &["redis://u:secret@a", "rediss://u:secret@a"],
            &["rediss://u:secret@a/#insecure"],
            &["http://u:secret@a"],
            &[],
        ] {
            let refusal = refusal(urls, &plain);
            assert!(refusal.contains("url") && !refusal.contains("secret"), "{urls:?}: {refusal:?}");
        }
    }

    #[test]
    fn file_of_authorities_that_holds_none_is_refused_by_its_name() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        for path in [here, PathBuf::from("/no/such/file")] {
            let tls = Tls { ca_file: Some(path.clone()), client: None };
            let refusal = refusal(&["rediss://a"], &tls);
            assert!(refusal.contains(&path.display().to_string()), "{refusal:?}");
        }
    }
}
