//! The effects that concern ids.

use velostream_core::{Code, Disposition, Error};
use velostream_protocol::job::{During, Effect, Event};

use super::Driver;

impl Driver {
    pub(super) async fn perform_on_ids(&mut self, effect: Effect) -> Result<Option<Event>, (During, Error)> {
        let during = match &effect {
            Effect::Recover(_) => During::Recover,
            Effect::Restore { .. } => During::Restore,
            Effect::Take => During::Take,
            Effect::Remember(_) => During::Remember,
            _ => During::Confirm,
        };
        let failed = |error| (during, error);
        // In front of the tracker: both want this driver.
        let chunk = match &effect {
            Effect::Restore { .. } | Effect::Take => self.chunk.take().map(|chunk| self.decoded(chunk)),
            _ => None,
        };
        let chunk = chunk.transpose().map_err(failed)?;
        let tracker = self.tracker.as_mut().ok_or_else(|| failed(untracked()))?;
        let metrics = &self.parts.metrics;
        match effect {
            Effect::Recover(claims) => {
                let missing = tracker.recover(&claims, self.parts.reader.as_mut()).await.map_err(failed)?;
                metrics.store_answered(None);
                return Ok(Some(Event::Recovered(missing)));
            }
            Effect::Restore { split, next } => tracker.restore(chunk, &split, &next).await.map_err(failed)?,
            Effect::Take => {
                let Some(chunk) = chunk else { return Ok(None) };
                let taken = tracker.take(&chunk).await.map_err(failed)?;
                self.chunk = Some(chunk);
                if !taken {
                    return Ok(Some(Event::Held));
                }
                metrics.store_answered(None);
                return Ok(Some(Event::Taken));
            }
            Effect::Remember(progress) => {
                // Only the decision has to wait for the store, so its round trip hides behind the sink's.
                let prepare = self.parts.lane.prepare(&progress);
                let (remembered, prepared) = tokio::join!(tracker.remember(&progress), prepare);
                remembered.map_err(failed)?;
                metrics.store_answered(None);
                prepared.map_err(|error| (During::Commit, error))?;
            }
            _ => tracker.confirm().await.map_err(failed)?,
        }
        Ok(None)
    }
}

/// A lane without a tracker whose machine asks for one.
fn untracked() -> Error {
    Error::new(Code::Internal, Disposition::Corrupt, "ids are asked for in a lane that has none")
}
