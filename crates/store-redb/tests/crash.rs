//! A process that is killed while it commits loses nothing that it was told is durable.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken test shows itself by a panic")]
#![allow(clippy::print_stdout, reason = "the child reports on stdout")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use velostream_core::{
    ConditionalStore, Epoch, InTurn, Member, MemberState, Nonce, Outcome, Put, RootWrite, Settlement,
    SharedId, SharedIds, Taking,
};
use velostream_store_redb::{Config, RedbStore};

const FILE: &str = "VELOSTREAM_REDB_CRASH_FILE";
const LANES: u64 = 4;
const ROUNDS: u64 = 25;

/// Entry of the child: four lanes commit for ever and print what was acknowledged.
#[test]
#[ignore = "only the other test starts it, as a process of its own"]
fn child() {
    let Ok(file) = std::env::var(FILE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = RedbStore::open(Config::new(file)).await.unwrap();
        let lanes: Vec<_> =
            (0..LANES).map(|lane| tokio::spawn(commit_for_ever(store.clone(), lane))).collect();
        tokio::spawn(take_for_ever(store));
        for lane in lanes {
            lane.await.unwrap();
        }
    });
}

async fn commit_for_ever(store: RedbStore, lane: u64) {
    let key = format!("{lane}/root");
    loop {
        let current = store.read(&[&key]).await.unwrap().remove(0);
        let n = current.as_ref().map_or(0, |c| number(&c.value)) + 1;
        let put = Put { key: format!("{lane}/put/{n}"), value: vec![7u8; 3000].into() };
        let root =
            RootWrite { key: key.clone(), expected: current.map(|c| c.version), value: n.to_string().into() };
        let outcome = store.commit(&[put], root).await.unwrap();
        assert!(matches!(outcome, Outcome::Applied(_)));
        println!("\nacked {lane} {n}");
    }
}

/// The set that the child takes from; its acknowledgements are those of the lane behind the last.
const SET: &str = "set";

fn taker() -> Member {
    Member::new(SET, "m").unwrap()
}

/// Goes on with the number of the last delivery; each has three ids of its own and its number as its note.
async fn take_for_ever(store: RedbStore) {
    let InTurn::Done(state) = store.enter(&taker(), Epoch(1), Nonce(1)).await.unwrap() else { return };
    let (mut turn, mut n) = (state.turn, settled(&state));
    // What the process before it had taken, if it was killed in between.
    let InTurn::Done(next) = store.settle(&taker(), turn, Settlement::Released).await.unwrap() else {
        return;
    };
    turn = next;
    loop {
        n += 1;
        let taken = store.take(&taker(), turn, &ids(n), 0).await.unwrap();
        assert!(
            matches!(&taken, InTurn::Done(Taking::Taken { delivered, .. }) if delivered == &[None; 3]),
            "{taken:?}"
        );
        let settlement =
            Settlement::Delivered { at_ms: i64::try_from(n).unwrap(), note: n.to_string().into() };
        let done = store.settle(&taker(), turn, settlement).await.unwrap();
        turn = turn.next();
        assert_eq!(done, InTurn::Done(turn));
        println!("\nacked {LANES} {n}");
    }
}

fn settled(state: &MemberState) -> u64 {
    state.settled.as_deref().map_or(0, number)
}

fn ids(n: u64) -> [SharedId; 3] {
    [0u8, 1, 2].map(|i| {
        let mut id = [i; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        id
    })
}

/// Every delivery up to the note of the last one is whole, and what is held besides is one taking or none.
async fn check_shared(store: &RedbStore, acked: u64) {
    let Some(state) = store.member(&taker()).await.unwrap() else {
        assert_eq!(acked, 0);
        return;
    };
    let n = settled(&state);
    assert!(n >= acked, "{acked} was acknowledged, {n} stands");
    assert!(matches!(state.held, 0 | 3), "{state:?}");
    let InTurn::Done(state) = store.enter(&taker(), Epoch(1), Nonce(1)).await.unwrap() else {
        panic!("nobody else enters")
    };
    let all: Vec<SharedId> = (1..=n).flat_map(ids).collect();
    let taken = store.take(&taker(), state.turn, &all, 0).await.unwrap();
    let delivered: Vec<_> = (1..=n).flat_map(|n| [Some(i64::try_from(n).unwrap()); 3]).collect();
    assert_eq!(taken, InTurn::Done(Taking::Taken { delivered, total: 3 * n + state.held }));
}

fn number(value: &[u8]) -> u64 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

fn start(file: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--ignored", "--nocapture"])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads acknowledgements until there are `enough`, kills with SIGKILL, and reads what was still in the pipe.
fn kill_after(child: &mut Child, enough: u64, acked: &mut BTreeMap<u64, u64>) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = 0;
    while let Some(Ok(line)) = lines.next() {
        let mut words = line.split(' ');
        if words.next() != Some("acked") {
            continue;
        }
        // The last line may be torn by the kill.
        let (Some(lane), Some(n)) = (words.next(), words.next()) else { continue };
        let (Ok(lane), Ok(n)) = (lane.parse::<u64>(), n.parse::<u64>()) else { continue };
        acked.entry(lane).and_modify(|last| *last = (*last).max(n)).or_insert(n);
        seen += 1;
        if seen == enough {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(seen >= enough, "the child ended by itself after {seen}");
}

#[tokio::test]
async fn every_acknowledged_commit_survives_sigkill() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.redb");
    let mut acked = BTreeMap::new();
    for round in 0..ROUNDS {
        kill_after(&mut start(&file), 5 + round * 7 % 60, &mut acked);
        let store = RedbStore::open(Config::new(&file)).await.unwrap();
        check_shared(&store, acked.get(&LANES).copied().unwrap_or_default()).await;
        for (lane, acked) in acked.range(..LANES) {
            let root = store.read(&[&format!("{lane}/root")]).await.unwrap().remove(0);
            let stands = root.map_or(0, |root| number(&root.value));
            assert!(
                stands >= *acked,
                "round {round}, lane {lane}: {acked} was acknowledged, {stands} stands"
            );
            let keys: Vec<String> = (1..=stands).map(|n| format!("{lane}/put/{n}")).collect();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let puts = store.read(&keys).await.unwrap();
            assert!(puts.iter().all(Option::is_some), "round {round}, lane {lane}: a put is missing");
        }
        store.close().await;
    }
    println!("{ROUNDS} kills, acknowledged commits by lane: {acked:?}");
}
