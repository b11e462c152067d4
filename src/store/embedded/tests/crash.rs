//! `kill -9` at any moment: what was acknowledged is stored, and nothing is stored twice.

use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;

/// Set for the child: the directory of its store.
const CHILD_STORE: &str = "PCAP_ARCHIVER_TEST_CRASH_STORE";
/// Set for the child: the capture to begin with.
const CHILD_CAPTURE: &str = "PCAP_ARCHIVER_TEST_CRASH_CAPTURE";
const ROUNDS: usize = 25;
const PACKETS: usize = 600;
const PACKETS_PER_FLUSH: usize = 60;
/// No round comes so far that it needs more.
const CAPTURES: usize = 10_000;

fn numbered(number: usize) -> Arc<Vec<PacketRecord>> {
    capture(&format!("crash-{number}"), PACKETS as u64, 200)
}

/// The child: this test binary again, storing captures until it is killed. It does nothing when
/// no parent has started it.
#[tokio::test]
async fn child() {
    let Some(path) = env::var_os(CHILD_STORE) else { return };
    let first: usize = env::var(CHILD_CAPTURE).unwrap().parse().unwrap();
    let store = store_in(Path::new(&path));
    for number in first..CAPTURES {
        let records = numbered(number);
        let mut flushed = 0;
        for piece in records.chunks(PACKETS_PER_FLUSH) {
            // Several batches for each flush, so that kills hit every step.
            for batch in piece.chunks(25) {
                store.append(Arc::new(batch.to_vec())).await.unwrap();
            }
            store.flush().await.unwrap();
            flushed += piece.len();
            writeln!(std::io::stderr(), "acknowledged {number} {flushed}").unwrap();
        }
    }
}

fn start(path: &Path, first: usize) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "store::embedded::tests::crash::child", "--nocapture"])
        .env(CHILD_STORE, path)
        .env(CHILD_CAPTURE, first.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Starts a child, kills it, and returns what it had acknowledged: captures and packets of them.
fn run_and_kill(path: &Path, first: usize, after: Duration) -> Vec<(usize, usize)> {
    let mut child = start(path, first);
    let output = BufReader::new(child.stderr.take().unwrap());
    let acknowledgements = thread::spawn(move || {
        let acknowledgement = |line: String| {
            let (number, packets) = line.strip_prefix("acknowledged ")?.split_once(' ')?;
            Some((number.parse().ok()?, packets.parse().ok()?))
        };
        output.lines().map_while(Result::ok).filter_map(acknowledgement).collect()
    });
    thread::sleep(after);
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it was killed at work");
    acknowledgements.join().unwrap()
}

#[tokio::test]
async fn a_killed_process_loses_nothing_and_doubles_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive");
    let mut random = StdRng::seed_from_u64(7);
    let mut must_be_there: BTreeSet<PacketId> = BTreeSet::new();
    let mut last = 0;
    for round in 0..ROUNDS {
        // Begins with a capture that is stored in part.
        let after = Duration::from_millis(random.random_range(20..500));
        let acknowledged = run_and_kill(&path, last, after);
        for (number, packets) in acknowledged {
            must_be_there.extend(ids_of(&numbered(number)[..packets]));
            last = number;
        }
        let store = store_in(&path);
        let set_up = store.status().await.unwrap().set_up;
        let found = if set_up { ids(&store).await } else { Vec::new() };
        let unique: BTreeSet<PacketId> = found.iter().copied().collect();
        assert_eq!(unique.len(), found.len(), "round {round}: a packet is stored twice");
        let missing = must_be_there.difference(&unique).count();
        assert_eq!(missing, 0, "round {round}: of {} acknowledged packets", must_be_there.len());
    }
    assert!(must_be_there.len() > PACKETS, "too little was ever acknowledged");

    let store = store_in(&path);
    let all = |number: usize| numbered(number).to_vec();
    store.append(Arc::new((0..=last).flat_map(all).collect())).await.unwrap();
    store.flush().await.unwrap();
    let found: BTreeSet<PacketId> = ids(&store).await.into_iter().collect();
    let expected: BTreeSet<PacketId> =
        (0..=last).flat_map(|number| ids_of(&numbered(number))).collect();
    assert!(found.is_superset(&expected));
    assert_eq!(store.status().await.unwrap().packets, Some(found.len() as u64));
}
