//! Notes: what a settlement and a promise keep beside the ids.

use velostream_core::Settlement;

use crate::shared::job::{delivered, id};
use crate::verdict::ensure;
use crate::{Checked, SharedFixture, Verdict};

pub(crate) async fn a_settlement_keeps_its_note_and_drops_the_promise(f: &SharedFixture) -> Verdict {
    let mut a = f.job("a").await?;
    let state = a.state().await?;
    ensure!(state.settled.is_none() && state.promised.is_none(), "a new member has notes: {state:?}");
    for note in [b"first", b"next!"] {
        a.holds(&[id(a.turn.number)]).await?;
        a.promised(b"promised").await?;
        a.settled(delivered(5, note)).await?;
        let state = a.state().await?;
        ensure!(state.settled.as_deref() == Some(note), "a settlement left the note {:?}", state.settled);
        ensure!(state.promised.is_none(), "a settlement left the promise {:?}", state.promised);
    }
    Ok(Checked::Held)
}

pub(crate) async fn a_release_keeps_the_note_of_the_settlement_before_it(f: &SharedFixture) -> Verdict {
    let mut a = f.job("a").await?;
    a.release().await?;
    let settled = a.state().await?.settled;
    ensure!(settled.is_none(), "a release before any settlement left the note {settled:?}");
    a.settled(delivered(5, b"settled")).await?;
    a.holds(&[id(0)]).await?;
    a.release().await?;
    let settled = a.state().await?.settled;
    ensure!(settled.as_deref() == Some(b"settled"), "a release left the note {settled:?}");
    Ok(Checked::Held)
}

pub(crate) async fn a_release_drops_the_promise(f: &SharedFixture) -> Verdict {
    let mut a = f.job("a").await?;
    a.holds(&[id(0)]).await?;
    a.promised(b"promised").await?;
    a.release().await?;
    let promised = a.state().await?.promised;
    ensure!(promised.is_none(), "a release left the promise {promised:?}");
    Ok(Checked::Held)
}

pub(crate) async fn a_later_promise_replaces_the_earlier_one(f: &SharedFixture) -> Verdict {
    let a = f.job("a").await?;
    a.holds(&[id(0)]).await?;
    for note in [&b"first"[..], b"second, and longer", b"3"] {
        a.promised(note).await?;
        let state = a.state().await?;
        ensure!(
            state.promised.as_deref() == Some(note),
            "{note:?} was promised, {:?} stands",
            state.promised
        );
        ensure!(state.held == 1 && state.settled.is_none(), "a promise changed the member to {state:?}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn notes_come_back_byte_for_byte(f: &SharedFixture) -> Verdict {
    let mut a = f.job("a").await?;
    let every: Vec<u8> = (0..=u8::MAX).collect();
    let long = every.repeat(256);
    for note in [&every[..], &long, b"\0", b"\xff\xfe", b"it's {\"a\": \\note}\r\n"] {
        a.promised(note).await?;
        let promised = a.state().await?.promised;
        let (length, found) = (note.len(), promised.as_ref().map(bytes::Bytes::len));
        ensure!(
            promised.as_deref() == Some(note),
            "a promise of {length} bytes reads otherwise, {found:?} bytes"
        );
        a.settled(delivered(5, note)).await?;
        let settled = a.state().await?.settled;
        let found = settled.as_ref().map(bytes::Bytes::len);
        ensure!(
            settled.as_deref() == Some(note),
            "a note of {length} bytes reads otherwise, {found:?} bytes"
        );
    }
    Ok(Checked::Held)
}

pub(crate) async fn an_empty_note_is_not_absent(f: &SharedFixture) -> Verdict {
    let mut a = f.job("a").await?;
    a.promised(b"").await?;
    let promised = a.state().await?.promised;
    ensure!(promised.as_deref() == Some(b""), "an empty promise reads as {promised:?}");
    a.settled(delivered(5, b"")).await?;
    let settled = a.state().await?.settled;
    ensure!(settled.as_deref() == Some(b""), "an empty note reads as {settled:?}");
    a.settled(Settlement::Released).await?;
    let settled = a.state().await?.settled;
    ensure!(settled.as_deref() == Some(b""), "after a release an empty note reads as {settled:?}");
    Ok(Checked::Held)
}
