//! A disk that loses power between any two changes, and keeps of what was not synced whatever a seed says.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::{Disk, SystemDisk};

/// What the failing change did before the power went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nothing.
    Before,
    /// Half of its bytes, if it writes any.
    Half,
    /// All of it; only the answer is lost.
    After,
}

/// Promises that a broken disk does not keep: to show that the simulation finds what they protect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    Sync,
    SyncDir,
}

/// The sink's changes, applied to real files, with a model of what would survive a loss of power.
pub(crate) struct UnreliableDisk {
    state: Mutex<State>,
    cut: Option<(usize, Cut)>,
    lie: Option<Lie>,
    /// Runs once in front of the first rename or link.
    interloper: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

#[derive(Debug, Default)]
struct State {
    steps: usize,
    dead: bool,
    next_id: u64,
    /// Names and the file that each stands for.
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    durable_content: BTreeMap<u64, Vec<u8>>,
}

impl fmt::Debug for UnreliableDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnreliableDisk")
    }
}

impl UnreliableDisk {
    /// A disk whose present content below `root` is durable, and that loses power at the given step, from 1.
    pub(crate) fn new(root: &Path, cut: Option<(usize, Cut)>, lie: Option<Lie>) -> Self {
        let mut state = State::default();
        let mut dirs = vec![root.to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else if path.file_name().unwrap() != "lock" {
                    state.durable_content.insert(state.next_id, fs::read(&path).unwrap());
                    state.names.insert(path, state.next_id);
                    state.next_id += 1;
                }
            }
        }
        state.durable_names = state.names.clone();
        Self { state: Mutex::new(state), cut, lie, interloper: Mutex::new(None) }
    }

    pub(crate) fn interrupt_with(&self, interloper: impl FnOnce() + Send + 'static) {
        *self.interloper.lock().unwrap() = Some(Box::new(interloper));
    }

    pub(crate) fn steps(&self) -> usize {
        self.state.lock().unwrap().steps
    }

    /// Rewrites the files to what is left after the power came back: of every name and every content that was not
    /// synced the old or the new, at random; of content also a torn middle.
    pub(crate) fn lose_power(&self, seed: u64) {
        let state = self.state.lock().unwrap();
        let mut random = Random(seed);
        let volatile: BTreeMap<u64, Vec<u8>> =
            state.names.iter().map(|(path, id)| (*id, fs::read(path).unwrap())).collect();
        let mut left = BTreeMap::new();
        let mut paths: Vec<&PathBuf> = state.names.keys().chain(state.durable_names.keys()).collect();
        paths.sort();
        paths.dedup();
        for path in paths {
            let (old, new) = (state.durable_names.get(path), state.names.get(path));
            let id = if old == new || random.below(2) == 0 { new } else { old };
            let Some(id) = id else { continue };
            let durable = state.durable_content.get(id).cloned().unwrap_or_default();
            let content = match (volatile.get(id), random.below(3)) {
                (None, _) | (_, 0) => durable,
                (Some(new), 1) => new.clone(),
                (Some(new), _) => {
                    let keep = random.below(new.len() + 1);
                    let mut torn = new[..keep].to_vec();
                    torn.extend(durable.iter().skip(keep));
                    torn
                }
            };
            left.insert(path.clone(), content);
        }
        for path in state.names.keys() {
            fs::remove_file(path).unwrap();
        }
        for (path, content) in left {
            fs::write(path, content).unwrap();
        }
    }

    fn step(&self, half: impl FnOnce(), whole: impl FnOnce(&mut State) -> io::Result<()>) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        if state.dead {
            return Err(io::Error::other("no power"));
        }
        state.steps += 1;
        match self.cut {
            Some((at, cut)) if at == state.steps => {
                state.dead = true;
                match cut {
                    Cut::Before => {}
                    Cut::Half => half(),
                    Cut::After => whole(&mut state)?,
                }
                Err(io::Error::other("power lost"))
            }
            _ => whole(&mut state),
        }
    }

    fn interrupt(&self) {
        let interloper = self.interloper.lock().unwrap().take();
        if let Some(interloper) = interloper {
            interloper();
        }
    }
}

impl Disk for UnreliableDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        SystemDisk.create_dir(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        let mut file = None;
        self.step(
            || {},
            |state| {
                file = Some(SystemDisk.create(path)?);
                state.names.insert(path.to_owned(), state.next_id);
                state.next_id += 1;
                Ok(())
            },
        )?;
        Ok(file.unwrap())
    }

    fn write(&self, file: &File, path: &Path, bytes: &[u8], at: u64) -> io::Result<()> {
        let half = || SystemDisk.write(file, path, &bytes[..bytes.len() / 2], at).unwrap();
        self.step(half, |_| SystemDisk.write(file, path, bytes, at))
    }

    fn truncate(&self, file: &File, path: &Path, length: u64) -> io::Result<()> {
        self.step(|| {}, |_| SystemDisk.truncate(file, path, length))
    }

    fn sync(&self, _file: &File, path: &Path) -> io::Result<()> {
        self.step(
            || {},
            |state| {
                if self.lie != Some(Lie::Sync) {
                    let id = *state.names.get(path).unwrap();
                    state.durable_content.insert(id, fs::read(path)?);
                }
                Ok(())
            },
        )
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.interrupt();
        self.step(
            || {},
            |state| {
                SystemDisk.link(from, to)?;
                let id = *state.names.get(from).unwrap();
                state.names.insert(to.to_owned(), id);
                Ok(())
            },
        )
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.interrupt();
        self.step(
            || {},
            |state| {
                SystemDisk.rename(from, to)?;
                let id = state.names.remove(from).unwrap();
                state.names.insert(to.to_owned(), id);
                Ok(())
            },
        )
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(
            || {},
            |state| {
                state.names.remove(path);
                SystemDisk.remove(path)
            },
        )
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step(
            || {},
            |state| {
                if self.lie != Some(Lie::SyncDir) {
                    state.durable_names.retain(|name, _| name.parent() != Some(path));
                    let here = state.names.iter().filter(|(name, _)| name.parent() == Some(path));
                    let here: Vec<_> = here.map(|(name, id)| (name.clone(), *id)).collect();
                    state.durable_names.extend(here);
                }
                Ok(())
            },
        )
    }
}

/// splitmix64: small, and good enough to choose with.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }
}
