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
const ROUNDS: u64 = 30;
const PACKETS: u64 = 4_000;
const PACKETS_PER_FLUSH: usize = 50;

/// The child: this test binary again. It does nothing when no parent has started it.
#[tokio::test]
async fn child() {
    let Some(path) = env::var_os(CHILD_STORE) else { return };
    let store = store_in(Path::new(&path));
    let records = capture("crash", PACKETS, 200);
    // Appends in turns of several batches, so that kills hit every step.
    for (number, piece) in records.chunks(PACKETS_PER_FLUSH).enumerate() {
        for batch in piece.chunks(20) {
            store.append(Arc::new(batch.to_vec())).await.unwrap();
        }
        store.flush().await.unwrap();
        let acknowledged = (number + 1) * PACKETS_PER_FLUSH;
        writeln!(std::io::stderr(), "acknowledged {acknowledged}").unwrap();
    }
}

fn start(path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "store::embedded::tests::crash::child", "--nocapture"])
        .env(CHILD_STORE, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_killed_process_loses_nothing_and_doubles_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive");
    let expected = ids_of(&capture("crash", PACKETS, 200));
    let mut random = StdRng::seed_from_u64(7);
    let mut most = 0;
    let mut kills = 0;
    for round in 0..ROUNDS {
        let mut child = start(&path);
        let output = BufReader::new(child.stderr.take().unwrap());
        let acknowledgements = thread::spawn(move || {
            let numbers = output.lines().map_while(Result::ok).filter_map(|line| {
                line.strip_prefix("acknowledged ").and_then(|number| number.parse().ok())
            });
            numbers.max().unwrap_or(0)
        });
        thread::sleep(Duration::from_millis(random.random_range(20..600)));
        child.kill().unwrap();
        kills += u64::from(!child.wait().unwrap().success());
        let acknowledged: usize = acknowledgements.join().unwrap();
        most = most.max(acknowledged);

        let store = store_in(&path);
        let set_up = store.status().await.unwrap().set_up;
        let found = if set_up { ids(&store).await } else { Vec::new() };
        let unique: BTreeSet<PacketId> = found.iter().copied().collect();
        assert_eq!(unique.len(), found.len(), "round {round}: a packet is stored twice");
        let missing = expected[..acknowledged].iter().filter(|id| !unique.contains(id)).count();
        assert_eq!(missing, 0, "round {round}: of {acknowledged} acknowledged packets");
    }
    assert!(kills > ROUNDS / 2, "{kills} of {ROUNDS} were killed at work");
    assert!(most > 0, "nothing was ever acknowledged");

    let store = store_in(&path);
    store.append(capture("crash", PACKETS, 200)).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(ids(&store).await, expected);
}
