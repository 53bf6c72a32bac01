//! Certificates for servers and clients of one test, made by OpenSSL.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// An authority with files of its own.
#[derive(Debug)]
pub struct Authority(TempDir);

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// When OpenSSL is missing or refuses.
    pub fn new() -> Result<Self> {
        let this = Self(tempfile::tempdir()?);
        let subject = ["-subj", "/CN=velostream tests", "-days", "2"];
        openssl(
            this.dir(),
            &[&["req", "-x509"][..], &KEY, &["-keyout", "ca.key", "-out", "ca.pem"], &subject].concat(),
        )?;
        Ok(this)
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }

    /// Its own certificate.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.dir().join("ca.pem")
    }

    /// A certificate that it has signed for `names` (`IP:127.0.0.1`), and the key to it.
    ///
    /// # Errors
    /// When OpenSSL refuses.
    pub fn sign(&self, file: &str, names: &str) -> Result<(PathBuf, PathBuf)> {
        let (key, request) = (format!("{file}.key"), format!("{file}.csr"));
        let (certificate, extensions) = (format!("{file}.pem"), format!("{file}.ext"));
        std::fs::write(self.dir().join(&extensions), format!("subjectAltName={names}\n"))?;
        let subject = ["-keyout", &key, "-out", &request, "-subj", "/CN=one of the tests"];
        openssl(self.dir(), &[&["req"][..], &KEY, &subject].concat())?;
        openssl(
            self.dir(),
            &[
                "x509",
                "-req",
                "-in",
                &request,
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca.key",
                "-CAcreateserial",
                "-days",
                "2",
                "-extfile",
                &extensions,
                "-out",
                &certificate,
            ],
        )?;
        Ok((self.dir().join(certificate), self.dir().join(key)))
    }
}

const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

fn openssl(dir: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .context("cannot start openssl")?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
