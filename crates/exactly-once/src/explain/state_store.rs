//! What the class of a state store means for ids of records, which live nowhere else.

use velostream_core::DurabilityClass;

use super::reason::{Reason, Role};
use crate::config::{JobFile, OnIdLoss, PostgresDialect, RedisTopology, StateStoreConfig};

const STATE_STORE: &str = "state_store";

pub(crate) fn reasons(job: &JobFile, reasons: &mut Vec<Reason>) {
    let store = job.state_store();
    let on_loss = job.exactly_once.on_id_loss;
    if store.is_shared() {
        shared(&store, on_loss, reasons);
        return;
    }
    reasons.push(Reason::new(
        Role::Assumes,
        "one worker runs the job: a second one on this host is refused with VS-0055, one on another host must not be \
         started",
    ));
    reasons.push(match (&store, on_loss) {
        (StateStoreConfig::Memory(_), OnIdLoss::Rebuild) => Reason::new(
            Role::Warns,
            "the state store ends with the process (class G0): at each start the source is read from its beginning to \
             rebuild the ids",
        )
        .from(STATE_STORE),
        (StateStoreConfig::Memory(_), OnIdLoss::Stop) => Reason::new(
            Role::Warns,
            "the state store ends with the process (class G0): every start after the first stops with VS-0056",
        )
        .from(STATE_STORE),
        _ => Reason::new(
            Role::Assumes,
            "the state store's file is on a local disk whose fsync reaches the disk (class G0d: a lost disk loses ids)",
        ),
    });
}

/// The store, with what stands behind it.
fn name(store: &StateStoreConfig) -> &'static str {
    match store {
        StateStoreConfig::Redis(redis) => match redis.topology {
            RedisTopology::One => "redis (one server)",
            RedisTopology::Sentinel(_) => "redis (a primary that sentinels watch)",
            RedisTopology::Cluster(_) => "redis (a cluster)",
            _ => store.key(),
        },
        StateStoreConfig::Postgres(postgres) => match postgres.dialect {
            PostgresDialect::PostgreSql => "postgres",
            PostgresDialect::CockroachDb => "postgres (CockroachDB)",
        },
        _ => store.key(),
    }
}

fn shared(store: &StateStoreConfig, on_loss: OnIdLoss, reasons: &mut Vec<Reason>) {
    reasons.push(Reason::new(
        Role::Gives,
        "one worker has the ids at a time: a second one, on any host, is refused with VS-0055 while the first shows life \
         in the state store, and a worker that was taken for dead is fenced by it (VS-0054)",
    ));
    let (name, class) = (name(store), store.class());
    let kept = match class {
        DurabilityClass::Zone => "linearizable, and acknowledged ids survive the loss of a node or zone",
        DurabilityClass::Region => "linearizable, and acknowledged ids survive the loss of a region",
        DurabilityClass::AsyncReplica => "a crash or a failover may lose the newest acknowledged ids",
        _ => "acknowledged ids survive a restart of its server; a lost disk loses them",
    };
    let role = if class >= DurabilityClass::Zone { Role::Gives } else { Role::Assumes };
    reasons.push(
        Reason::new(
            role,
            format!(
                "the state store {name} is of class {class}: {kept}; the server's settings are checked against it at \
                 each start, and one that keeps less is refused with VS-0057"
            ),
        )
        .from(STATE_STORE),
    );
    if class < DurabilityClass::Zone && on_loss == OnIdLoss::Stop {
        reasons.push(
            Reason::new(
                Role::Warns,
                format!(
                    "ids live in the state store only, and class {class} may lose them: the job then stops with VS-0056 \
                     until the store is restored; a store of class G2, or `rebuild`, needs nobody for that"
                ),
            )
            .from("exactly_once.on_id_loss"),
        );
    }
}
