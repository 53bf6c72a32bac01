//! What is fetched once for every test that wants it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Makes `home` unless it is there. `fetch` gets an empty directory beside it and names what in there is to become
/// `home`, by a rename: so `home` is complete whenever it exists. Whoever else wants it meanwhile waits, threads of
/// this process too; what a killed process left is removed.
///
/// # Errors
/// What `fetch` answers, or when the disk refuses.
pub(super) fn install(home: &Path, fetch: impl FnOnce(&Path) -> Result<PathBuf>) -> Result<()> {
    if home.is_dir() {
        return Ok(());
    }
    let _turn = turn(&beside(home, ".lock"))?;
    if home.is_dir() {
        return Ok(());
    }
    let staging = beside(home, ".staging");
    if staging.exists() {
        fs::remove_dir_all(&staging).with_context(|| format!("cannot remove {}", staging.display()))?;
    }
    fs::create_dir_all(&staging).with_context(|| format!("cannot create {}", staging.display()))?;
    let complete = fetch(&staging)?;
    fs::rename(&complete, home)
        .with_context(|| format!("cannot move {} to {}", complete.display(), home.display()))?;
    fs::remove_dir_all(&staging).with_context(|| format!("cannot remove {}", staging.display()))
}

/// Waits until nobody else holds this file, in this process or another, and holds it until it is dropped or this
/// process ends.
pub(super) fn turn(file: &Path) -> Result<File> {
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    }
    let held = File::create(file).with_context(|| format!("cannot create {}", file.display()))?;
    held.lock().with_context(|| format!("cannot lock {}", file.display()))?;
    Ok(held)
}

fn beside(home: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(home);
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};

    use anyhow::bail;

    use super::install;

    #[test]
    fn threads_that_want_it_at_once_get_what_one_of_them_fetched() {
        const THREADS: usize = 8;
        let dir = tempfile::tempdir().expect("a directory");
        let home = dir.path().join("server-1.2.3");
        let (fetches, together) = (AtomicU32::new(0), Barrier::new(THREADS));
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    together.wait();
                    let fetched = install(&home, |staging| {
                        fetches.fetch_add(1, Ordering::Relaxed);
                        let complete = staging.join("complete");
                        fs::create_dir(&complete)?;
                        fs::write(complete.join("program"), "here")?;
                        Ok(complete)
                    });
                    fetched.expect("installed");
                    assert_eq!(fs::read_to_string(home.join("program")).expect("the program"), "here");
                });
            }
        });
        assert_eq!(fetches.load(Ordering::Relaxed), 1);
        assert!(!dir.path().join("server-1.2.3.staging").exists());
    }

    #[test]
    fn fetch_that_failed_half_way_is_made_again_from_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let home = dir.path().join("server");
        let failed = install(&home, |staging| {
            fs::write(staging.join("half"), "")?;
            bail!("the registry went away")
        });
        assert!(failed.is_err() && !home.exists(), "{failed:?}");
        let again = install(&home, |staging| {
            assert_eq!(fs::read_dir(staging)?.count(), 0, "left by the first");
            let complete = staging.join("complete");
            fs::create_dir(&complete)?;
            Ok(complete)
        });
        again.expect("installed");
        assert!(home.is_dir());
    }
}
