//! `read`: one answer for each key, in the order of the question, of what was committed.

use crate::verdict::ensure;
use crate::{Checked, Fixture, Verdict};

pub(crate) async fn read_absent_key_is_none(f: &Fixture) -> Verdict {
    let found = f.read("absent").await?;
    ensure!(found.is_none(), "an absent key reads as {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn read_of_no_keys_is_empty(f: &Fixture) -> Verdict {
    let found = f.read_all(&[]).await?;
    ensure!(found.is_empty(), "no keys gave {} answers", found.len());
    Ok(Checked::Held)
}

pub(crate) async fn read_answers_in_the_order_of_the_question(f: &Fixture) -> Verdict {
    for name in ["a", "b", "c"] {
        f.set(name, name).await?;
    }
    let found = f.read_all(&["c", "a", "b"]).await?;
    let values: Vec<Option<Vec<u8>>> = found.into_iter().map(|v| v.map(|v| v.value.to_vec())).collect();
    let wanted = ["c", "a", "b"].map(|v| Some(v.as_bytes().to_vec()));
    ensure!(values == wanted, "asked for c, a, b, got {values:?}");
    Ok(Checked::Held)
}

pub(crate) async fn read_keeps_the_place_of_absent_keys(f: &Fixture) -> Verdict {
    f.set("b", "b").await?;
    let found: Vec<bool> = f.read_all(&["a", "b", "c"]).await?.iter().map(Option::is_some).collect();
    ensure!(found == [false, true, false], "only b is there, got {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn read_answers_a_repeated_key_each_time(f: &Fixture) -> Verdict {
    f.set("a", "a").await?;
    let found = f.read_all(&["a", "a", "b", "b"]).await?;
    let found: Vec<bool> = found.iter().map(Option::is_some).collect();
    ensure!(found == [true, true, false, false], "a, a, b, b gave {found:?}");
    Ok(Checked::Held)
}

pub(crate) async fn read_after_commit_sees_it(f: &Fixture) -> Verdict {
    for n in 0..20u8 {
        f.set("root", [n]).await?;
        let found = f.value("root").await?;
        ensure!(found.as_deref() == Some(&[n]), "wrote {n}, read {found:?}");
    }
    Ok(Checked::Held)
}

pub(crate) async fn read_of_many_keys_answers_them_all(f: &Fixture) -> Verdict {
    let many = f.store().guarantees().max_puts.min(300);
    let names: Vec<String> = (0..many).rev().map(|n| format!("m/{n:04}")).collect();
    let puts: Vec<_> = names.iter().map(|name| f.put(name, name)).collect();
    f.applied(&puts, f.root("root", None, "r")).await?;
    let asked: Vec<&str> = names.iter().map(String::as_str).collect();
    let found = f.read_all(&asked).await?;
    let values = found.iter().map(|v| v.as_ref().map(|v| &v.value[..]));
    ensure!(
        values.eq(names.iter().map(|name| Some(name.as_bytes()))),
        "{many} keys are not answered one by one"
    );
    Ok(Checked::Held)
}
