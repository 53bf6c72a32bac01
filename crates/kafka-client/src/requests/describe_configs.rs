//! DescribeConfigs: settings in force.

use std::time::Duration;

use crate::{ApiKey, BrokerId, ErrorCode, Malformed, Reader, Request, Result, Writer};

/// What has settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceKind {
    /// A topic, by name.
    Topic,
    /// A broker, by its id as text; only that broker can answer.
    Broker,
}

impl ResourceKind {
    fn number(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
        }
    }
}

/// Asks for settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeConfigs {
    /// Of what.
    pub resources: Vec<ConfigResource>,
}

/// One resource of a [`DescribeConfigs`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigResource {
    /// Kind.
    pub kind: ResourceKind,
    /// Name.
    pub name: String,
    /// Settings asked for; `None` for all.
    pub keys: Option<Vec<String>>,
}

/// Answer to a [`DescribeConfigs`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeConfigsResponse {
    /// Pause asked for.
    pub throttle: Duration,
    /// Each resource.
    pub resources: Vec<DescribedConfig>,
}

/// One resource of a [`DescribeConfigsResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedConfig {
    /// Its error.
    pub error: ErrorCode,
    /// The broker's words.
    pub error_message: Option<String>,
    /// Name of the resource.
    pub name: String,
    /// Its settings.
    pub entries: Vec<ConfigEntry>,
}

impl DescribedConfig {
    /// The value of one setting.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.entries.iter().find(|entry| entry.name == name)?.value.as_deref()
    }

    /// `Ok` where the resource has no error.
    ///
    /// # Errors
    /// [`Error::Broker`](crate::Error::Broker) that names the resource.
    pub fn check(&self, broker: BrokerId) -> Result<()> {
        let named = |e: crate::Error| e.of(&*self.name).saying(self.error_message.as_deref());
        self.error.check(broker, ApiKey::DescribeConfigs).map_err(named)
    }
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Name.
    pub name: String,
    /// Value; absent for secrets.
    pub value: Option<String>,
    /// Where it comes from (1: the topic itself, 4: the broker's file, 5: the default).
    pub source: i8,
    /// True for secrets.
    pub is_sensitive: bool,
}

impl Request for DescribeConfigs {
    type Response = DescribeConfigsResponse;
    const KEY: ApiKey = ApiKey::DescribeConfigs;
    const MIN: i16 = 1;
    const MAX: i16 = 4;
    const FLEXIBLE: i16 = 4;

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.array(&self.resources, |w, resource| {
            w.i8(resource.kind.number());
            w.string(&resource.name);
            w.nullable_array(resource.keys.as_deref(), |w, key| w.string(key));
            w.end_struct();
        });
        w.bool(false); // synonyms
        if w.version() >= 3 {
            w.bool(false); // documentation
        }
        w.end_struct();
        Ok(())
    }

    fn decode(r: &mut Reader) -> Result<DescribeConfigsResponse, Malformed> {
        let throttle = r.millis()?;
        let resources = r.array(|r| {
            let (error, error_message) = (r.error_code()?, r.nullable_string()?);
            r.i8()?; // kind
            let name = r.string()?;
            let entries = r.array(read_entry)?;
            r.end_struct()?;
            Ok(DescribedConfig { error, error_message, name, entries })
        })?;
        r.end_struct()?;
        Ok(DescribeConfigsResponse { throttle, resources })
    }

    fn throttle(response: &DescribeConfigsResponse) -> Duration {
        response.throttle
    }
}

fn read_entry(r: &mut Reader) -> Result<ConfigEntry, Malformed> {
    let (name, value) = (r.string()?, r.nullable_string()?);
    r.bool()?; // read only
    let (source, is_sensitive) = (r.i8()?, r.bool()?);
    r.array(|r| {
        r.string()?;
        r.nullable_string()?;
        r.i8()?;
        r.end_struct()
    })?; // synonyms
    if r.version() >= 3 {
        r.i8()?; // type
        r.nullable_string()?; // documentation
    }
    r.end_struct()?;
    Ok(ConfigEntry { name, value, source, is_sensitive })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::cross_check::{self as check, text, theirs};

    #[test]
    fn request_reads_back_in_every_version() {
        let resource = |kind, keys: Option<Vec<String>>| ConfigResource { kind, name: "t".to_owned(), keys };
        let resources = vec![
            resource(ResourceKind::Topic, Some(vec!["a".to_owned()])),
            resource(ResourceKind::Broker, None),
        ];
        check::request(&DescribeConfigs { resources }, |_| {
            let resource = |kind, keys| {
                theirs::describe_configs_request::DescribeConfigsResource::default()
                    .with_resource_type(kind)
                    .with_resource_name(text("t"))
                    .with_configuration_keys(keys)
            };
            theirs::DescribeConfigsRequest::default()
                .with_resources(vec![resource(2, Some(vec![text("a")])), resource(4, None)])
        });
    }

    #[test]
    fn response_reads_in_every_version() {
        use theirs::describe_configs_response as d;
        check::response::<DescribeConfigs, _>(
            |v| {
                let synonym = d::DescribeConfigsSynonym::default()
                    .with_name(text("s"))
                    .with_value(Some(text("2")))
                    .with_source(5);
                let mut entry = d::DescribeConfigsResourceResult::default()
                    .with_name(text("a"))
                    .with_value(Some(text("1")))
                    .with_config_source(1)
                    .with_is_sensitive(true)
                    .with_synonyms(vec![synonym]);
                if v >= 3 {
                    entry.config_type = 2;
                    entry.documentation = Some(text("doc"));
                }
                let result = d::DescribeConfigsResult::default()
                    .with_error_code(3)
                    .with_error_message(Some(text("m")))
                    .with_resource_type(2)
                    .with_resource_name(text("t"))
                    .with_configs(vec![entry]);
                theirs::DescribeConfigsResponse::default().with_throttle_time_ms(3).with_results(vec![result])
            },
            |_| {
                let entry = ConfigEntry {
                    name: "a".to_owned(),
                    value: Some("1".to_owned()),
                    source: 1,
                    is_sensitive: true,
                };
                let resource = DescribedConfig {
                    error: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                    error_message: Some("m".to_owned()),
                    name: "t".to_owned(),
                    entries: vec![entry],
                };
                assert_eq!((resource.get("a"), resource.get("b")), (Some("1"), None));
                DescribeConfigsResponse { throttle: Duration::from_millis(3), resources: vec![resource] }
            },
        );
    }
}
