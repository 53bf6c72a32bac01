//! Files that are in use, foreign, damaged, newer, removed, or on a full disk.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken test shows itself by a panic")]
#![allow(clippy::print_stdout, reason = "the child reports on stdout")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use redb::TableDefinition;
use velostream_core::{Code, ConditionalStore, Disposition, Error, Outcome, Put, RootWrite};
use velostream_store_redb::{Config, RedbStore};

fn root(value: impl Into<bytes::Bytes>) -> RootWrite {
    RootWrite { key: "t/root".into(), expected: None, value: value.into() }
}

async fn filled(file: &Path) {
    let store = RedbStore::open(Config::new(file)).await.unwrap();
    let put = Put { key: "t/put".into(), value: vec![9u8; 100_000].into() };
    store.commit(&[put], root("r")).await.unwrap();
    store.close().await;
}

async fn refused(file: &Path) -> Error {
    let error = RedbStore::open(Config::new(file)).await.unwrap_err();
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error} does not name the file");
    error
}

#[tokio::test]
async fn a_second_opener_is_refused_with_a_code_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.redb");
    let store = RedbStore::open(Config::new(&file)).await.unwrap();
    let error = refused(&file).await;
    assert_eq!((error.code(), error.disposition()), (Code::StoreInUse, Disposition::Reject));
    store.close().await;
    RedbStore::open(Config::new(&file)).await.unwrap();
}

#[tokio::test]
async fn the_last_handle_closes_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.redb");
    let store = RedbStore::open(Config::new(&file)).await.unwrap();
    let other = store.clone();
    drop(store);
    other.commit(&[], root("r")).await.unwrap();
    drop(other);
    let again = RedbStore::open(Config::new(&file)).await.unwrap();
    assert!(again.read(&["t/root"]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn calls_after_close_fail_as_not_applied() {
    let directory = tempfile::tempdir().unwrap();
    let store = RedbStore::open(Config::new(directory.path().join("a.redb"))).await.unwrap();
    store.close().await;
    store.close().await;
    for error in [
        store.commit(&[], root("r")).await.unwrap_err(),
        store.read(&["t/root"]).await.unwrap_err(),
        store.health_check(Duration::from_secs(1)).await.unwrap_err(),
    ] {
        assert_eq!((error.code(), error.disposition()), (Code::StoreUnavailable, Disposition::Retry));
    }
}

#[tokio::test]
async fn a_foreign_file_is_corrupt_and_stays_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.redb");
    let foreign = b"not a store at all, but long enough to have a header".repeat(200);
    std::fs::write(&file, &foreign).unwrap();
    let error = refused(&file).await;
    assert_eq!((error.code(), error.disposition()), (Code::StateCorrupt, Disposition::Corrupt));
    assert_eq!(std::fs::read(&file).unwrap(), foreign);
}

#[tokio::test]
async fn a_file_of_a_later_release_is_refused_by_name() {
    const SETTINGS: TableDefinition<'static, &str, u64> = TableDefinition::new("settings");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.redb");
    filled(&file).await;
    let database = redb::Database::open(&file).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(SETTINGS).unwrap().insert("format", 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = refused(&file).await;
    assert_eq!((error.code(), error.disposition()), (Code::StateVersion, Disposition::Reject));
}

#[tokio::test]
async fn a_redb_file_of_another_program_is_corrupt() {
    const OTHER: TableDefinition<'static, u64, u64> = TableDefinition::new("entries");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.redb");
    let database = redb::Database::create(&file).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(OTHER).unwrap().insert(1, 1).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert_eq!(refused(&file).await.code(), Code::StateCorrupt);
}

/// Damages every page in turn: opening or reading must say so, or the value is still the one that was written.
#[tokio::test]
async fn a_damaged_page_is_never_read_as_a_value() {
    let directory = tempfile::tempdir().unwrap();
    let (whole, file) = (directory.path().join("whole.redb"), directory.path().join("a.redb"));
    filled(&whole).await;
    let bytes = std::fs::read(&whole).unwrap();
    let mut found = 0;
    for page in (0..bytes.len() / 4096).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[page * 4096 + 100..page * 4096 + 140].fill(0xa5);
        std::fs::write(&file, &damaged).unwrap();
        match RedbStore::open(Config::new(&file)).await {
            Err(error) => {
                assert_eq!(error.code(), Code::StateCorrupt, "page {page}: {error}");
                found += 1;
            }
            Ok(store) => match store.read(&["t/root", "t/put"]).await {
                Err(error) => assert_eq!(error.code(), Code::StateCorrupt, "page {page}: {error}"),
                Ok(values) => {
                    let lengths: Vec<usize> = values.iter().flatten().map(|v| v.value.len()).collect();
                    assert_eq!(lengths, [1, 100_000], "page {page}");
                }
            },
        }
    }
    assert!(found > 0, "no damage was found at all");
}

#[tokio::test]
async fn a_truncated_file_is_corrupt() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.redb");
    filled(&file).await;
    let length = std::fs::metadata(&file).unwrap().len();
    for keep in [1, 100, 4096, length / 2] {
        let copy = directory.path().join("b.redb");
        std::fs::copy(&file, &copy).unwrap();
        std::fs::OpenOptions::new().write(true).open(&copy).unwrap().set_len(keep).unwrap();
        assert_eq!(refused(&copy).await.code(), Code::StateCorrupt, "{keep} of {length} bytes");
    }
}

#[tokio::test]
async fn a_file_that_was_removed_is_found_by_attest() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.redb");
    let store = RedbStore::open(Config::new(&file)).await.unwrap();
    store.attest().await.unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(store.attest().await.unwrap_err().disposition(), Disposition::Reject);
    std::fs::write(&file, b"").unwrap();
    assert_eq!(store.attest().await.unwrap_err().code(), Code::StateIo);
}

#[tokio::test]
async fn a_missing_directory_is_an_error_that_names_the_file() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(refused(&directory.path().join("no/such/a.redb")).await.code(), Code::StateIo);
}

#[tokio::test]
async fn an_older_copy_of_the_file_goes_on_with_other_versions() {
    let directory = tempfile::tempdir().unwrap();
    let (file, copy) = (directory.path().join("a.redb"), directory.path().join("copy.redb"));
    filled(&file).await;
    std::fs::copy(&file, &copy).unwrap();
    let next = async |file: &Path, value: &'static str| {
        let store = RedbStore::open(Config::new(file)).await.unwrap();
        let expected = store.read(&["t/root"]).await.unwrap().remove(0).map(|v| v.version);
        let outcome = store.commit(&[], RootWrite { expected, ..root(value) }).await.unwrap();
        store.close().await;
        let Outcome::Applied(version) = outcome else { unreachable!("nobody else writes") };
        version
    };
    assert_ne!(next(&file, "lost owner").await, next(&copy, "new owner").await);
}

const FULL: &str = "VELOSTREAM_REDB_FULL_FILE";

/// Entry of the child: commits until the disk is full, makes room, goes on.
#[test]
#[ignore = "only the other tests start it, as a process of its own"]
fn child() {
    let Ok(file) = std::env::var(FULL) else { return };
    let file = PathBuf::from(file);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = RedbStore::open(Config::new(&file)).await.unwrap();
        let mut acked = Vec::new();
        let error = loop {
            let n = acked.len();
            let put = Put { key: format!("put/{n}"), value: vec![1u8; 200_000].into() };
            let write = RootWrite { key: format!("root/{n}"), expected: None, value: "r".into() };
            match store.commit(&[put], write).await {
                Ok(_) => acked.push(n),
                Err(error) => break error,
            }
            assert!(acked.len() < 1000, "the disk never filled up");
        };
        println!("\nfull after {} commits: {} ({})", acked.len(), error, error.disposition());
        assert!(!acked.is_empty());
        assert_eq!(error.code(), Code::StateIo);
        assert!(matches!(error.disposition(), Disposition::Retry | Disposition::Reconcile));
        assert!(error.to_string().contains(file.to_str().unwrap()));
        // Deleting needs a commit of its own; the first may still find the file closed.
        let old: Vec<String> = acked.iter().map(|n| format!("put/{n}")).collect();
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        let mut freed = false;
        for _ in 0..5 {
            freed = freed || store.delete(&old[..old.len() / 2]).await.is_ok();
        }
        for n in &acked {
            let found = store.read(&[&format!("root/{n}")]).await.unwrap().remove(0);
            assert!(found.is_some(), "commit {n} was acknowledged and is gone");
        }
        println!("\nheld {} freed {freed}", acked.len());
    });
}

fn fill_up(file: &Path, limit: &str) -> String {
    let me = std::env::current_exe().unwrap();
    let script = format!("{limit}; exec \"$0\" child --exact --ignored --nocapture");
    let done = Command::new("sh").args(["-c", &script]).arg(me).env(FULL, file).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    said.lines().filter(|l| l.starts_with("full") || l.starts_with("held")).collect::<Vec<_>>().join("; ")
}

/// The limit of a file's size stands in for the disk: no privileges needed.
#[test]
fn a_file_that_may_not_grow_is_a_clear_error_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let said = fill_up(&directory.path().join("a.redb"), "trap '' XFSZ; ulimit -f 6000");
    assert!(said.contains("VS-0052"), "{said}");
    println!("{said}");
}

/// A real full disk, where the test may mount one.
#[test]
fn a_full_disk_is_a_clear_error_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mount = |arguments: &[&str]| Command::new("mount").args(arguments).arg(directory.path()).output();
    let mounted = mount(&["-t", "tmpfs", "-o", "size=4m", "tmpfs"]);
    if !mounted.is_ok_and(|done| done.status.success()) {
        println!("not run: a_full_disk_is_a_clear_error_and_loses_nothing: mounting needs privileges");
        return;
    }
    let said = std::panic::catch_unwind(|| fill_up(&directory.path().join("a.redb"), "true"));
    let unmounted = Command::new("umount").arg(directory.path()).output().unwrap();
    assert!(unmounted.status.success());
    let said = said.unwrap();
    assert!(said.contains("VS-0052"), "{said}");
    println!("{said}");
}
