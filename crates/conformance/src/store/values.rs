//! Values: any bytes, as they were.

use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict, Violation};

/// Larger values are not written by a case: they would only measure the machine.
const LARGEST_BYTES: usize = 64 * 1024 * 1024;

pub(crate) async fn values_come_back_byte_for_byte(f: &Fixture) -> Verdict {
    let all: Vec<u8> = (0..=255).collect();
    for (n, value) in
        [&all[..], b"\0", b"\xff\xfe", b"a\0b", b"\r\n", b" x ", b"{\"a\":1}", b"'\";--"].iter().enumerate()
    {
        f.applied(&[f.put(&format!("put/{n}"), value)], f.root(&format!("root/{n}"), None, value)).await?;
        let put = f.value(&format!("put/{n}")).await?;
        let root = f.value(&format!("root/{n}")).await?;
        ensure!(put.as_deref() == Some(*value), "put of {value:?} reads as {put:?}");
        ensure!(root.as_deref() == Some(*value), "root of {value:?} reads as {root:?}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn an_empty_value_is_not_absent(f: &Fixture) -> Verdict {
    let version = f.applied(&[f.put("put", "")], f.root("root", None, "")).await?;
    for name in ["put", "root"] {
        let found = f.value(name).await?;
        ensure!(found.as_ref().is_some_and(bytes::Bytes::is_empty), "empty {name} reads as {found:?}");
    }
    f.applied(&[], f.root("root", Some(version), "x")).await?;
    Ok(Checked::Held)
}

pub(crate) async fn a_value_of_one_mebibyte_comes_back(f: &Fixture) -> Verdict {
    if f.store().guarantees().max_value_bytes < 1 << 20 {
        return Ok(Checked::NotRun("the store claims less than 1 MiB"));
    }
    whole(f, 1 << 20).await
}

pub(crate) async fn a_value_of_the_claimed_size_comes_back(f: &Fixture) -> Verdict {
    let max = f.store().guarantees().max_value_bytes;
    if max > LARGEST_BYTES {
        return Ok(Checked::NotRun("the store claims more than 64 MiB"));
    }
    whole(f, max).await
}

pub(crate) async fn a_value_above_the_claimed_size_is_refused_whole(f: &Fixture) -> Verdict {
    let max = f.store().guarantees().max_value_bytes;
    if max > LARGEST_BYTES {
        return Ok(Checked::NotRun("the store claims more than 64 MiB"));
    }
    let value = vec![7u8; max + 1];
    let as_put = f.commit(&[f.put("put", &value)], f.root("root", None, "r")).await;
    ensure!(as_put.is_err(), "a put of {} bytes was taken: {as_put:?}", value.len());
    let as_root = f.commit(&[], f.root("root", None, &value)).await;
    ensure!(as_root.is_err(), "a root of {} bytes was taken: {as_root:?}", value.len());
    for violation in [as_put, as_root].into_iter().filter_map(Result::err) {
        if let Violation::Failed { source, .. } = violation {
            ensure!(source.is_fatal(), "it is refused with {}, so that it would be tried for ever", source);
        }
    }
    ensure!(f.read("root").await?.is_none(), "the refused commit wrote its root");
    Ok(Checked::Held)
}

async fn whole(f: &Fixture, bytes: usize) -> Verdict {
    let value: Vec<u8> = (0..=250u8).cycle().take(bytes).collect();
    f.applied(&[f.put("put", &value)], f.root("root", None, &value)).await?;
    for name in ["put", "root"] {
        let found = f.value(name).await?.unwrap_or_default();
        ensure!(found == value, "{name} of {bytes} bytes reads as {} bytes or others", found.len());
    }
    Ok(Checked::Held)
}
