//! The source as a lane reads it: one Fetch for all its splits, aborted data filtered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use velostream_core::{
    Chunk, Code, Codec, Disposition, Encoded, Encoding, Error, Payload, Read, Result, SourcePosition,
    SplitId, SplitReader, StreamRecord,
};
use velostream_protocol::kafka_lane::{AbortedFilter, BatchKind, Verdict};

use crate::broker::{Answer, Content, Fetched, Request};
use crate::clock::milliseconds;
use crate::mutant::Mutant;
use crate::names::{offset, position, split_number};
use crate::network::Endpoint;
use crate::scenario::Scenario;

/// A batch as it travels: the offsets of its records.
#[derive(Debug)]
struct Offsets {
    split: SplitId,
    bytes: Bytes,
}

impl Encoded for Offsets {
    fn encoding(&self) -> Encoding {
        Encoding::KafkaBatchV2
    }

    fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    fn codec(&self) -> Codec {
        Codec::None
    }

    fn decode(&self, _: &SourcePosition, _: usize) -> Result<Vec<StreamRecord>> {
        let record = |offset: i64| StreamRecord {
            key: None,
            value: None,
            headers: Vec::new(),
            timestamp_ms: -1,
            position: position(&self.split, offset),
        };
        Ok(decode_offsets(&self.bytes).into_iter().map(record).collect())
    }
}

/// The offsets of a batch.
pub(crate) fn decode_offsets(bytes: &Bytes) -> Vec<i64> {
    bytes.chunks_exact(8).map(|eight| i64::from_le_bytes(eight.try_into().unwrap_or_default())).collect()
}

#[derive(Debug)]
struct Reading {
    /// Next to be fetched.
    next: i64,
    ended: bool,
}

/// Reads the splits of one lane.
pub(crate) struct SimReader {
    endpoint: Endpoint,
    /// End of every split.
    ends: Vec<i64>,
    bounded: bool,
    /// Aborted data is told by the producer alone (a mutant).
    by_producer: bool,
    reading: BTreeMap<SplitId, Reading>,
    queue: VecDeque<Read>,
}

impl SimReader {
    pub(crate) fn new(endpoint: Endpoint, ends: Vec<i64>, scenario: &Scenario) -> Self {
        let (bounded, mutant) = (scenario.bounded, scenario.mutant);
        let by_producer = mutant == Some(Mutant::AbortedByProducer);
        Self { endpoint, ends, bounded, by_producer, reading: BTreeMap::new(), queue: VecDeque::new() }
    }

    fn end(&self, split: &SplitId) -> i64 {
        usize::try_from(split_number(split)).ok().and_then(|s| self.ends.get(s)).copied().unwrap_or(0)
    }

    fn take(&mut self, split: &SplitId, fetched: Fetched) {
        let Some(reading) = self.reading.get_mut(split) else { return };
        let aborted: BTreeSet<i64> = fetched.aborted.iter().map(|(producer, _)| *producer).collect();
        let mut filter = AbortedFilter::new(fetched.aborted);
        for batch in fetched.batches {
            if batch.next() <= reading.next {
                continue;
            }
            let kind = match (&batch.content, batch.producer) {
                (Content::Marker { commit: false }, Some(producer_id)) => {
                    BatchKind::AbortMarker { producer_id }
                }
                (Content::Marker { .. }, _) => BatchKind::OtherControl,
                (_, Some(producer_id)) => BatchKind::Transactional { producer_id },
                (_, None) => BatchKind::Plain,
            };
            let from = std::mem::replace(&mut reading.next, batch.next());
            let next = position(split, batch.next());
            let mut verdict = filter.judge(batch.next() - 1, kind);
            if self.by_producer && batch.producer.is_some_and(|p| aborted.contains(&p)) {
                verdict = Verdict::Skip;
            }
            match (verdict, batch.content) {
                (Verdict::Deliver, Content::Data(offsets)) => {
                    let bytes: Vec<u8> = offsets.iter().flat_map(|o| o.to_le_bytes()).collect();
                    let encoded = Offsets { split: split.clone(), bytes: bytes.into() };
                    self.queue.push_back(Read::Chunk(Chunk {
                        split: split.clone(),
                        from: position(split, from),
                        next,
                        records: offsets.len() as u64,
                        bytes: encoded.bytes.len(),
                        payload: Payload::Encoded(Arc::new(encoded)),
                    }));
                }
                _ => self.queue.push_back(Read::Advance { split: split.clone(), next }),
            }
        }
    }

    /// A split that has come to its end says so once.
    fn ended(&mut self) -> Option<Read> {
        let ends = self.ends.clone();
        let end =
            |split: &SplitId| usize::try_from(split_number(split)).ok().and_then(|s| ends.get(s).copied());
        let (split, reading) =
            self.reading.iter_mut().find(|(split, r)| !r.ended && Some(r.next) == end(split))?;
        reading.ended = true;
        Some(Read::End(split.clone()))
    }
}

#[async_trait]
impl SplitReader for SimReader {
    async fn assign(&mut self, splits: &[(SplitId, SourcePosition)]) -> Result<()> {
        for (split, at) in splits {
            self.reading.insert(split.clone(), Reading { next: offset(at), ended: false });
        }
        Ok(())
    }

    async fn revoke(&mut self, splits: &[SplitId]) -> Result<()> {
        self.reading.retain(|split, _| !splits.contains(split));
        self.queue.retain(|read| match read {
            Read::Chunk(chunk) => !splits.contains(&chunk.split),
            Read::Advance { split, .. } | Read::Gap { split, .. } | Read::End(split) => {
                !splits.contains(split)
            }
            Read::Idle => true,
        });
        Ok(())
    }

    async fn next(&mut self, wait: Duration) -> Result<Read> {
        self.endpoint.gate().await;
        if let Some(read) = self.queue.pop_front() {
            return Ok(read);
        }
        if self.bounded
            && let Some(read) = self.ended()
        {
            return Ok(read);
        }
        let behind: BTreeMap<u32, i64> = self
            .reading
            .iter()
            .filter(|(split, r)| r.next < self.end(split))
            .map(|(split, r)| (split_number(split), r.next))
            .collect();
        if behind.is_empty() {
            self.endpoint.sleep(milliseconds(wait)).await;
            return Ok(Read::Idle);
        }
        let answer = self.endpoint.call(Request::SourceFetch { positions: behind }).await;
        let Ok(Answer::Fetched(partitions)) = answer else {
            let what = format!("fetch: {answer:?}");
            return Err(Error::new(Code::KafkaTimeout, Disposition::Retry, what));
        };
        for (split, fetched) in partitions {
            self.take(&crate::names::split_name(split), fetched);
        }
        Ok(self.queue.pop_front().unwrap_or(Read::Idle))
    }
}
