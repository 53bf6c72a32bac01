//! Taking a task, keeping it and giving it back.

use std::sync::Arc;

use tokio::sync::Mutex as AsyncMutex;
use velostream_core::{ConditionalStore, Disposition, Outcome, RootVersion, RootWrite, mutant};

use super::{Entry, Ledger};
use crate::held::Held;
use crate::root::Root;
use crate::{Claimant, Claimed, Error, Ownership, Result, TaskId};

/// How often a claim is tried while the present owner works on.
const CLAIM_ATTEMPTS: u32 = 32;

impl<S: ConditionalStore + ?Sized> Ledger<S> {
    pub(super) async fn try_claim(&self, task: &TaskId, claimant: &Claimant) -> Result<Claimed> {
        let failed = |source| Error::Store { task: task.clone(), source };
        let mut base = None;
        // An attempt whose reply was lost: from then on nothing is certainly not applied.
        let mut doubt = false;
        for _ in 0..CLAIM_ATTEMPTS {
            let read = self.read_root(task).await;
            let (root, expected) = match read {
                Ok(found) => found.map_or((Root::new(), None), |(root, version)| (root, Some(version))),
                Err(Error::Store { source, .. }) if doubt && source.disposition() == Disposition::Retry => {
                    return Err(Error::Unresolved { task: task.clone(), source });
                }
                Err(error) => return Err(error),
            };
            if let Some(version) = expected
                && root.nonce == claimant.nonce
                && root.owner.is_some()
            {
                // An earlier attempt was applied and its reply lost.
                return Ok(self.hold(task, claimant, root, version));
            }
            let first_seen = *base.get_or_insert((root.epoch, root.nonce));
            if first_seen != (root.epoch, root.nonce) && !mutant!(ClaimOverNewerClaim) {
                let owner = root.owner.map_or_else(|| "nobody".to_owned(), |owner| owner.to_string());
                let by = root.epoch;
                return Err(Error::Fenced {
                    task: task.clone(),
                    epoch: first_seen.0,
                    by,
                    nonce: root.nonce,
                    owner,
                });
            }
            let next = Root {
                epoch: root.epoch.max(claimant.at_least).next(),
                nonce: claimant.nonce,
                owner: Some(claimant.owner.clone()),
                lease: root.lease.saturating_add(1),
                ..root
            };
            let write = RootWrite { key: task.root_key(), expected, value: next.encode(task)? };
            match self.store.commit(&[], write).await {
                Ok(Outcome::Applied(version)) => return Ok(self.hold(task, claimant, next, version)),
                Ok(Outcome::Conflict(_)) => {}
                Err(error) if error.disposition() == Disposition::Reconcile => doubt = true,
                Err(source) if doubt && source.disposition() == Disposition::Retry => {
                    return Err(Error::Unresolved { task: task.clone(), source });
                }
                Err(source) => return Err(failed(source)),
            }
        }
        Err(Error::Contended { task: task.clone(), attempts: CLAIM_ATTEMPTS })
    }

    fn hold(&self, task: &TaskId, claimant: &Claimant, root: Root, version: RootVersion) -> Claimed {
        let ownership = Ownership { task: task.clone(), epoch: root.epoch, nonce: claimant.nonce };
        let state = root.state();
        let mut tasks = self.tasks();
        // A claim that is repeated keeps what it has, above all the number of its next chunk.
        if tasks.get(task).is_none_or(|entry| entry.ownership != ownership) {
            let held = Arc::new(AsyncMutex::new(Held::new(ownership.clone(), root, version)));
            tasks.insert(task.clone(), Entry { ownership: ownership.clone(), held });
        }
        drop(tasks);
        Claimed { ownership, state }
    }

    pub(super) async fn try_release(&self, ownership: &Ownership) -> Result<()> {
        let mut held = self.claimed(ownership).await?;
        let release = |root: &Root| Ok(root.owner.is_some().then(|| Root { owner: None, ..root.clone() }));
        held.change(&*self.store, &[], release).await?;
        held.let_go();
        Ok(())
    }

    pub(super) async fn try_renew(&self, ownership: &Ownership) -> Result<()> {
        let mut held = self.held(ownership).await?;
        touch(&mut held, &*self.store).await
    }
}

/// Writes the root with nothing changed but its lease.
pub(super) async fn touch<S: ConditionalStore + ?Sized>(held: &mut Held, store: &S) -> Result<()> {
    let before = held.root.lease;
    held.change(store, &[], |root| Ok((root.lease <= before).then(|| root.clone()))).await
}
