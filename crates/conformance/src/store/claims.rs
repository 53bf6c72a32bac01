//! What the store says about itself.

use std::time::Duration;

use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict, Violation};

/// A root with a few hundred splits and a packed chunk of 1,000 ids fit into it.
const SMALLEST_VALUE_BYTES: usize = 64 * 1024;

pub(crate) async fn the_claim_never_changes(f: &Fixture) -> Verdict {
    let first = f.store().guarantees();
    for _ in 0..5 {
        let again = f.store().guarantees();
        ensure!(again == first, "claimed {first:?}, then {again:?}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn the_claim_is_enough_for_a_ledger(f: &Fixture) -> Verdict {
    let claim = f.store().guarantees();
    let enough = claim.max_puts >= 1 && claim.max_value_bytes >= SMALLEST_VALUE_BYTES;
    ensure!(
        enough,
        "a ledger needs one put and values of {SMALLEST_VALUE_BYTES} bytes, claimed is {claim:?}"
    );
    Ok(Checked::Held)
}

pub(crate) async fn attest_agrees_with_the_claim(f: &Fixture) -> Verdict {
    let attested = f.store().attest().await;
    attested.map_err(|source| Violation::Failed { call: "attest", source })?;
    Ok(Checked::Held)
}

pub(crate) async fn health_check_ends_by_its_deadline(f: &Fixture) -> Verdict {
    let deadline = Duration::from_secs(2);
    let store = f.store();
    // Three times the deadline: what is looked for is a call that never ends, not a slow machine.
    let checked = tokio::time::timeout(deadline * 3, store.health_check(deadline)).await;
    match checked {
        Err(_) => Err(Violation::Hangs { what: "health_check" }),
        Ok(Err(source)) => Err(Violation::Failed { call: "health_check", source }),
        Ok(Ok(())) => Ok(Checked::Held),
    }
}
