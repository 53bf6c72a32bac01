//! Where the table is and what is asked of it.

use std::fmt;
use std::time::Duration;

use velostream_core::DurabilityClass;

use crate::Error;

/// How the table is spread over regions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Regions {
    /// A table of one region: class G2.
    #[default]
    One,
    /// A global table with eventual consistency (MREC): class G1. Conditions are evaluated on the copy of one region
    /// and the last writer wins, so all workers have to write in the home region.
    Eventual {
        /// The region in which every worker writes.
        home: String,
    },
    /// A global table with strong consistency (MRSC): class G3.
    Strong {
        /// The regions with a replica: three, or two and a witness.
        replicas: Vec<String>,
        /// The region that only witnesses.
        witness: Option<String>,
    },
}

impl Regions {
    /// What such a table can keep.
    #[must_use]
    pub const fn class(&self) -> DurabilityClass {
        match self {
            Self::One => DurabilityClass::Zone,
            Self::Eventual { .. } => DurabilityClass::AsyncReplica,
            Self::Strong { .. } => DurabilityClass::Region,
        }
    }
}

/// Keys to sign with. Neither `Debug` nor any error shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The access key's id.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: String,
    /// The token of temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Settings of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The table, `[a-zA-Z0-9_.-]{3,255}`.
    pub table: String,
    /// The region to write in; `None` takes the environment's.
    pub region: Option<String>,
    /// Where to connect instead of the region's own endpoint.
    pub endpoint_url: Option<String>,
    /// `None` takes the default chain: environment, profile, web identity, container, instance.
    pub credentials: Option<Credentials>,
    /// How the table is spread. Default one region.
    pub regions: Regions,
    /// The class that the job needs; `None` takes what [`Regions::class`] gives.
    pub class: Option<DurabilityClass>,
    /// Longest time to open a connection. Default 3 s.
    pub connect_timeout: Duration,
    /// Longest time of one request with its answer. Default 10 s.
    pub request_timeout: Duration,
}

impl Config {
    /// The defaults for this table.
    #[must_use]
    pub fn new(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            region: None,
            endpoint_url: None,
            credentials: None,
            regions: Regions::One,
            class: None,
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(10),
        }
    }

    /// Finds what can be found without the service.
    ///
    /// # Errors
    /// `Config`, `Weak` -> Reject.
    pub fn validate(&self) -> Result<(), Error> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        if !(3..=255).contains(&self.table.len()) || !self.table.bytes().all(allowed) {
            return Err(refused(
                "table",
                "a name has 3 to 255 characters of a-z, A-Z, 0-9, '_', '.' and '-'",
            ));
        }
        if self.connect_timeout.is_zero() || self.request_timeout.is_zero() {
            return Err(refused("timeout", "it must be longer than zero"));
        }
        self.validate_regions()?;
        let gives = self.regions.class();
        match self.class {
            Some(class) if class > gives => Err(Error::Weak {
                table: self.table.clone(),
                setting: "class",
                why: format!("{class} is asked for, this table gives {gives}{}", self.why_not_more()),
            }),
            _ => Ok(()),
        }
    }

    fn validate_regions(&self) -> Result<(), Error> {
        match &self.regions {
            Regions::One => Ok(()),
            Regions::Eventual { home } => match &self.region {
                _ if home.is_empty() => {
                    Err(refused("regions", "a home region is needed: conditions hold in one region only"))
                }
                Some(region) if region != home => Err(refused(
                    "regions",
                    "the region to write in is not the home region: two regions could both win one claim",
                )),
                _ => Ok(()),
            },
            Regions::Strong { replicas, witness } => {
                let mut all: Vec<&String> = replicas.iter().chain(witness).collect();
                all.sort();
                all.dedup();
                if all.len() != 3
                    || replicas.len() + usize::from(witness.is_some()) != 3
                    || replicas.len() < 2
                {
                    return Err(refused(
                        "regions",
                        "strong consistency takes three different regions, or two and a witness",
                    ));
                }
                match &self.region {
                    Some(region) if !replicas.contains(region) => {
                        Err(refused("regions", "the region to write in has no replica"))
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// The class that the store claims.
    pub(crate) fn claimed(&self) -> DurabilityClass {
        self.class.unwrap_or_else(|| self.regions.class())
    }

    const fn why_not_more(&self) -> &'static str {
        match self.regions {
            Regions::One => ": it is lost with its region",
            Regions::Eventual { .. } => {
                ": its regions take conditional writes each for itself, and the last writer wins"
            }
            Regions::Strong { .. } => "",
        }
    }
}

fn refused(setting: &'static str, why: &'static str) -> Error {
    Error::Config { setting, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(regions: Regions) -> Config {
        Config { regions, ..Config::new("velostream") }
    }

    fn strong(replicas: &[&str], witness: Option<&str>) -> Regions {
        Regions::Strong {
            replicas: replicas.iter().map(|&name| name.into()).collect(),
            witness: witness.map(Into::into),
        }
    }

    #[test]
    fn class_above_what_the_regions_give_is_refused_with_the_reason() {
        let eventual = Config {
            class: Some(DurabilityClass::Zone),
            ..with(Regions::Eventual { home: "eu-west-1".into() })
        };
        let said = eventual.validate().unwrap_err().to_string();
        assert!(said.contains("the last writer wins"), "{said}");
        let one = Config { class: Some(DurabilityClass::Region), ..with(Regions::One) };
        assert!(matches!(one.validate(), Err(Error::Weak { .. })));
        let weaker = Config { class: Some(DurabilityClass::AsyncReplica), ..with(Regions::One) };
        assert!(weaker.validate().is_ok());
        assert_eq!(weaker.claimed(), DurabilityClass::AsyncReplica);
    }

    #[test]
    fn eventual_table_written_outside_its_home_is_refused() {
        let home = || Regions::Eventual { home: "eu-west-1".into() };
        let at = |region: &str| Config { region: Some(region.into()), ..with(home()) };
        assert!(at("eu-west-1").validate().is_ok());
        assert!(matches!(at("us-east-1").validate(), Err(Error::Config { .. })));
        assert!(with(Regions::Eventual { home: String::new() }).validate().is_err());
    }

    #[test]
    fn strong_table_takes_three_regions_or_two_and_a_witness() {
        assert!(with(strong(&["a", "b", "c"], None)).validate().is_ok());
        assert!(with(strong(&["a", "b"], Some("c"))).validate().is_ok());
        for (replicas, witness) in [
            (&["a", "b"][..], None),
            (&["a", "b", "b"], None),
            (&["a", "b"], Some("b")),
            (&["a", "b", "c"], Some("d")),
            (&["a"], Some("b")),
            (&["a", "b", "c", "d"], None),
        ] {
            assert!(with(strong(replicas, witness)).validate().is_err(), "{replicas:?} {witness:?}");
        }
        let elsewhere = Config { region: Some("d".into()), ..with(strong(&["a", "b", "c"], None)) };
        assert!(elsewhere.validate().is_err());
    }

    #[test]
    fn debug_of_a_config_shows_no_secret() {
        let secret = "canary-4711";
        let credentials = Some(Credentials {
            access_key_id: "id".into(),
            secret_access_key: secret.into(),
            session_token: Some(secret.into()),
        });
        assert!(!format!("{:?}", Config { credentials, ..Config::new("velostream") }).contains(secret));
    }
}
