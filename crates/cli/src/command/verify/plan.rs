//! What to compare, from a job file or from options.

use std::path::Path;

use exactly_once::config::{JobFile, Servers, Sink, Source, Start, TopicPattern};
use exactly_once::core::{Code, Disposition, Error};
use velostream_verifier::{Cluster, Config, TopicPair};

use super::VerifyArguments;
use super::topics::list;
use crate::failure::Failure;

/// Both ends of a replication, and its topics.
struct Ends {
    from: Servers,
    to: Servers,
    topics: Vec<TopicPattern>,
    exclude: Vec<TopicPattern>,
    /// Destination, with `{topic}`.
    destination: String,
}

pub(crate) fn config(arguments: &VerifyArguments) -> Result<Config, Failure> {
    let ends = match (&arguments.job, &arguments.from, &arguments.to) {
        (Some(path), _, _) => from_job(path, &JobFile::load(path)?)?,
        (None, Some(from), Some(to)) => Ends {
            from: from.clone(),
            to: to.clone(),
            topics: arguments.topic.clone(),
            exclude: Vec::new(),
            destination: arguments.sink_topic.clone(),
        },
        _ => {
            return Err(Failure::usage("nothing to verify", "Name a job file, or --from, --to and --topic."));
        }
    };
    let mut source = Cluster::new(ends.from.to_string());
    source.properties.clone_from(&arguments.source_property);
    let mut sink = Cluster::new(ends.to.to_string());
    sink.properties.clone_from(&arguments.sink_property);
    let mut names = names(&ends, &source)?;
    if arguments.job.is_some() && !arguments.topic.is_empty() {
        names.retain(|name| arguments.topic.iter().any(|pattern| takes(pattern, name)));
    }
    if names.is_empty() {
        return Err(
            Error::new(Code::NoTopicMatches, Disposition::Reject, "no topic of the source matches").into()
        );
    }
    let pair = |name: &String| TopicPair::new(name.as_str(), ends.destination.replace("{topic}", name));
    let mut config = Config::new(source, sink, names.iter().map(pair).collect());
    config.threads = arguments.threads;
    config.limits.examples = arguments.max_examples;
    config.stall = arguments.stall;
    Ok(config)
}

fn from_job(path: &Path, job: &JobFile) -> Result<Ends, Failure> {
    let (Source::Kafka(source), Sink::Kafka(sink)) = (&job.source, &job.sink) else {
        return Err(Failure::usage(
            format!("{}: only a job from Kafka to Kafka can be verified", path.display()),
            "Compare the files with the tools for files.",
        ));
    };
    if source.start != Start::Earliest {
        return Err(Failure::usage(
            format!(
                "{}: the job does not start at the earliest offset, so its first records are not known",
                path.display()
            ),
            "Name both sides with --from, --to and --topic to compare the topics as a whole.",
        ));
    }
    Ok(Ends {
        from: source.bootstrap_servers.clone(),
        to: sink.bootstrap_servers.clone(),
        topics: source.topics.clone(),
        exclude: source.exclude.clone(),
        destination: sink.topic.clone(),
    })
}

/// The topics by name. The cluster is only asked where a pattern needs it; a plain name that does not exist must
/// be reported, not left out.
fn names(ends: &Ends, source: &Cluster) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    let mut expressions = Vec::new();
    for pattern in &ends.topics {
        match pattern {
            TopicPattern::Name(name) => names.push(name.clone()),
            expression => expressions.push(expression),
        }
    }
    if !expressions.is_empty() {
        let all = list(source)?;
        names.extend(all.into_iter().filter(|name| expressions.iter().any(|e| takes(e, name))));
    }
    names.retain(|name| !ends.exclude.iter().any(|pattern| takes(pattern, name)));
    names.sort();
    names.dedup();
    Ok(names)
}

/// Whether the pattern takes the topic: an expression must match all of it.
fn takes(pattern: &TopicPattern, topic: &str) -> bool {
    match pattern {
        TopicPattern::Name(name) => name == topic,
        TopicPattern::Regex(regex) => {
            regex.find(topic).is_some_and(|m| m.start() == 0 && m.end() == topic.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expression_takes_only_what_it_matches_as_a_whole() {
        let pattern: TopicPattern = "/a+/".parse().unwrap();
        assert!(takes(&pattern, "aa"));
        assert!(!takes(&pattern, "aab") && !takes(&pattern, "baa"));
    }
}
