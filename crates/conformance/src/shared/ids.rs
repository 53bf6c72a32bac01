//! Ids are 16 bytes, whatever they are.

use std::collections::BTreeSet;

use velostream_core::SharedId;

use crate::shared::job::LONG_AGO_MS;
use crate::verdict::ensure;
use crate::{Checked, SharedFixture, Verdict};

/// One member delivers the first of each pair; no other member is told that the second was delivered.
async fn differ(f: &SharedFixture, pairs: &[(SharedId, SharedId)]) -> Verdict {
    let (mut a, b) = (f.job("a").await?, f.job("b").await?);
    let (known, others): (Vec<SharedId>, Vec<SharedId>) = pairs.iter().copied().unzip();
    let total = a.holds(&known).await?;
    let wanted = BTreeSet::from_iter(&known).len();
    ensure!(usize::try_from(total).ok() == Some(wanted), "{wanted} ids were taken, the total says {total}");
    a.deliver(3).await?;
    let (found, _) = b.taken(&others, LONG_AGO_MS).await?;
    for (other, found) in others.iter().zip(found) {
        ensure!(found.is_none(), "{other:02x?} is answered as delivered, and an id like it was");
    }
    b.finds(&known, 3).await?;
    Ok(Checked::Held)
}

pub(crate) async fn ids_of_any_bytes_are_their_own(f: &SharedFixture) -> Verdict {
    let of = |byte: u8| [byte; 16];
    // Zero and its neighbours, separators, quotes and the ends of ASCII; then bytes that no UTF-8 has.
    let plain = *b"\x00\x01\n\r ,:;/'\"\\{}[]_-.%*?";
    let mut pairs: Vec<_> = plain.iter().map(|byte| (of(*byte), of(byte | 0x80))).collect();
    pairs.extend([
        (of(0x7f), of(0x7e)),
        (of(0xff), of(0xfe)),
        (of(0xc0), of(0xc1)),
        (*b"0123456789abcdef", *b"0123456789ABCDEF"),
    ]);
    pairs.push((*b"a,b:c{d}e'f\"g\\h ", *b"a,b:c{d}e'f\"g\\h\0"));
    differ(f, &pairs).await
}

pub(crate) async fn ids_that_differ_in_any_bit_are_two(f: &SharedFixture) -> Verdict {
    let base: u128 = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
    let pairs: Vec<_> =
        (0..128).map(|bit| (base.to_be_bytes(), (base ^ (1_u128 << bit)).to_be_bytes())).collect();
    differ(f, &pairs).await
}

pub(crate) async fn ids_that_differ_behind_a_zero_byte_are_two(f: &SharedFixture) -> Verdict {
    let zero_at = |at: usize, last: u8| {
        let mut id = [7; 16];
        if let Some(byte) = id.get_mut(at) {
            *byte = 0;
        }
        if let Some(byte) = id.last_mut() {
            *byte = last;
        }
        id
    };
    let pairs: Vec<_> = (0..15).map(|at| (zero_at(at, 1), zero_at(at, 2))).collect();
    differ(f, &pairs).await
}
