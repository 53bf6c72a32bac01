//! What the sink has committed and the state store does not know.

use std::collections::BTreeMap;

use tracing::warn;
use velostream_core::{Code, Disposition, Error, Result, SplitId, SplitReader};
use velostream_protocol::job::{Lost, Missing, Unfit};

use super::OnIdLoss;

/// What of the lost ids can be read from the source again.
///
/// # Errors
/// `Reject` with [`Code::StateLost`] where the job says to stop; as the reader.
pub(super) async fn missing(
    lost: Vec<Lost>,
    on_id_loss: OnIdLoss,
    reader: &mut dyn SplitReader,
) -> Result<BTreeMap<SplitId, Missing>> {
    let mut missing = BTreeMap::new();
    for Lost { split, from, to } in lost {
        let shown = from.as_ref().map_or_else(|| "its beginning".to_owned(), ToString::to_string);
        if on_id_loss == OnIdLoss::Stop {
            let what = format!(
                "{split}: the state store has no ids from {shown} to {to}, which the sink has committed"
            );
            return Err(Error::new(Code::StateLost, Disposition::Reject, what).with_remedy(
                "Restore the store, or set `on_id_loss: rebuild` to read that range of the source again.",
            ));
        }
        let from = match from {
            Some(from) => from,
            None => reader.beginning(&split, &to).await?,
        };
        if from.order(&to) != Some(std::cmp::Ordering::Less) {
            warn!(%split, %to, "ids are lost, and so are their records in the source: equal ones will pass again");
            continue;
        }
        warn!(%split, %from, %to, "ids are lost; this range of the source is read again before anything is delivered");
        missing.insert(split, Missing { from, to });
    }
    Ok(missing)
}

/// The store is ahead of the sink.
pub(super) fn sink_went_back(unfit: Box<Unfit>) -> Error {
    let what = format!("{unfit}: records would be filtered that the sink does not hold");
    Error::new(Code::SinkWentBack, Disposition::Reject, what).with_remedy(
        "Restore the sink; or, where it was emptied on purpose, forget the ids: `velostream state reset JOB.yaml --execute`.",
    )
}
