//! What identifies a record, and what that rests on.

use velostream_core::DurabilityClass;

use super::reason::{Reason, Role};
use super::state_store;
use crate::config::{DeduplicationTime, JobFile, OnIdLoss, OnTrackingLimit, RecordIds};

const STRATEGY: &str = "exactly_once.record_id_strategy";

pub(crate) fn reasons(job: &JobFile, reasons: &mut Vec<Reason>) {
    let what = match &job.exactly_once.record_id_strategy {
        RecordIds::SourcePosition => return by_place(job, reasons),
        RecordIds::ContentHash => "key, value and headers are equal".to_owned(),
        RecordIds::Composite(composite) => format!("{} are equal", composite.fields.join(", ")),
    };
    by_content(job, &what, reasons);
}

fn by_place(job: &JobFile, reasons: &mut Vec<Reason>) {
    reasons.push(
        Reason::new(
            Role::Gives,
            "a record is identified by its place in the source: the committed position is the set of delivered \
             ids, so nothing else can be lost; no state store is needed",
        )
        .from(STRATEGY),
    );
    if job.state_store.is_some() {
        reasons.push(
            Reason::new(Role::Warns, "the state store is not opened: this job needs none")
                .from("state_store"),
        );
    }
}

fn by_content(job: &JobFile, what: &str, reasons: &mut Vec<Reason>) {
    let config = &job.exactly_once;
    let window = humantime::format_duration(config.deduplication_window);
    let one = match config.deduplication_time {
        DeduplicationTime::Arrival => {
            format!("one is delivered within {window} of its arrival")
        }
        DeduplicationTime::Event => {
            format!("and whose own times lie less than {window} apart one is delivered")
        }
    };
    reasons.push(
        Reason::new(Role::Gives, format!("of records whose {what} {one}, whichever split they stand in"))
            .from(STRATEGY),
    );
    if config.deduplication_time == DeduplicationTime::Event {
        by_event_time(&window.to_string(), reasons);
    }
    if let Some(set) = &config.shared_ids {
        shared(job, set, reasons);
    }
    reasons.push(Reason::new(
        Role::Gives,
        "ids are in the state store before the sink commits their records, and count once it has: what a crash \
         leaves open is decided by the position that the sink has committed",
    ));
    reasons.push(
        Reason::new(
            Role::Gives,
            match config.on_id_loss {
                OnIdLoss::Rebuild => {
                    "ids that the state store loses are missed at the next start, because the sink's position is \
                     ahead of the store's: that range of the source is read again before anything is delivered"
                }
                OnIdLoss::Stop => {
                    "ids that the state store loses are missed at the next start, because the sink's position is \
                     ahead of the store's: the job stops with VS-0056"
                }
            },
        )
        .from("exactly_once.on_id_loss"),
    );
    state_store::reasons(job, reasons);
    if config.on_id_loss == OnIdLoss::Rebuild {
        reasons.push(Reason::new(
            Role::Assumes,
            "the source still holds a range whose ids are rebuilt; what is gone from it cannot be recognised again",
        ));
    }
    if config.on_tracking_limit == OnTrackingLimit::ShrinkWindow {
        reasons.push(
            Reason::new(
                Role::Warns,
                format!(
                    "where more than {} records lie inside the window it gets shorter, and older duplicates pass; \
                     exactly_once_deduplication_window_shrunk_total counts it",
                    config.max_tracked_records
                ),
            )
            .from("exactly_once.on_tracking_limit"),
        );
    }
}

fn shared(job: &JobFile, set: &str, reasons: &mut Vec<Reason>) {
    const SHARED: &str = "exactly_once.shared_ids";
    reasons.push(
        Reason::new(
            Role::Gives,
            format!(
                "that holds over all jobs that share the ids of {set} in this store: a job takes the ids of its records \
                 before it writes them, and waits while another one has not said whether it delivers them (VS-0049)"
            ),
        )
        .from(SHARED),
    );
    reasons.push(Reason::new(
        Role::Assumes,
        "the clocks of the hosts of all these jobs agree, as far as the end of the window matters",
    ));
    if job.state_store().class() < DurabilityClass::Zone {
        reasons.push(
            Reason::new(
                Role::Warns,
                format!(
                    "class {} may lose ids of other jobs too, and each job rebuilds its own at its next start only: until \
                     then their records may be delivered by this one again. A store of class G2 keeps them",
                    job.state_store().class()
                ),
            )
            .from(SHARED),
        );
    }
}

fn by_event_time(window: &str, reasons: &mut Vec<Reason>) {
    const TIME: &str = "exactly_once.deduplication_time";
    reasons.push(
        Reason::new(
            Role::Assumes,
            "records carry true times: one that is dated far ahead makes all others late. A record without a timestamp \
             is as old as its delivery",
        )
        .from(TIME),
    );
    reasons.push(
        Reason::new(
            Role::Warns,
            format!(
                "a record whose own time is {window} or more behind the latest that was delivered passes unless an \
                 equal one is known: the ids of its time are forgotten; \
                 exactly_once_deduplication_late_records_total counts it"
            ),
        )
        .from(TIME),
    );
}
