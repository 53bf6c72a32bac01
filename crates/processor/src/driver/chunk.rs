//! What is written of a chunk, and when something has to look inside.

use velostream_core::{Chunk, Payload, Result};

use super::Driver;

impl Driver {
    /// Writes what of a chunk is to be delivered; looks inside where the sink or the job has to.
    pub(super) async fn write(&mut self, chunk: Chunk) -> Result<()> {
        let mut chunk = self.prepared(chunk)?;
        if let Some(tracker) = &mut self.tracker {
            chunk = tracker.filter(chunk).await?;
            if chunk.records == 0 {
                // The position moves all the same, with the progress of the transaction.
                return Ok(());
            }
        }
        self.parts.lane.write(chunk).await
    }

    fn prepared(&self, chunk: Chunk) -> Result<Chunk> {
        let passes = match &chunk.payload {
            Payload::Encoded(encoded) => {
                let untouched = self.tracker.is_none() && self.parts.transactions.pass_through;
                untouched && self.parts.lane.accepts(encoded.encoding())
            }
            Payload::Records { .. } => true,
        };
        if passes { Ok(chunk) } else { self.decoded(chunk) }
    }

    pub(super) fn decoded(&self, mut chunk: Chunk) -> Result<Chunk> {
        if let Payload::Encoded(encoded) = &chunk.payload {
            let codec = encoded.codec();
            let records = encoded.decode(&chunk.from, self.parts.max_decoded_bytes)?;
            self.parts.metrics.decoded();
            chunk.payload = Payload::Records { records, codec };
        }
        Ok(chunk)
    }
}
