//! A real tcpdump rotates its files, the ingest stores and deletes them, and everything that can
//! fail does. At the end every packet is in the store once, and every deleted file has a receipt.
//!
//! `./test es` makes every fault once; `tests/faults` makes many. What is done is drawn from a
//! seed, which is printed; when it happens depends on the machine.

mod proxy;
mod scene;

use std::env;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng as _, SeedableRng as _};

use proxy::Disturbance;
use scene::Scene;

use crate::sandbox::say;

/// What can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The ingest is killed and started again.
    KillIngest,
    /// It is asked to end, and started again.
    StopIngest,
    /// Elasticsearch is killed and started again; perhaps the ingest too, meanwhile.
    KillServer,
    /// The connection between the two fails for a while.
    Disturb(Disturbance),
    /// A file, perhaps the one that is being written, gets another name.
    Rename,
    /// A finished file is compressed, slowly, and removed.
    Compress,
    /// The disk with the ingest's state has no room for a while.
    FillDisk,
}

const FAULTS: [Fault; 14] = [
    Fault::KillIngest,
    Fault::StopIngest,
    Fault::KillServer,
    Fault::Disturb(Disturbance::TooManyRequests),
    Fault::Disturb(Disturbance::Unavailable),
    Fault::Disturb(Disturbance::ServerError),
    Fault::Disturb(Disturbance::Page),
    Fault::Disturb(Disturbance::RefusedItems),
    Fault::Disturb(Disturbance::CutBefore),
    Fault::Disturb(Disturbance::CutAfter),
    Fault::Disturb(Disturbance::Delay),
    Fault::Rename,
    Fault::Compress,
    Fault::FillDisk,
];

/// Rounds; without it, each fault once.
const ROUNDS: &str = "PCAP_ARCHIVER_FAULT_ROUNDS";
/// Where the random decisions begin.
const SEED: &str = "PCAP_ARCHIVER_FAULT_SEED";

#[test]
fn nothing_is_lost_or_doubled_whatever_fails() {
    let began = Instant::now();
    let number = |name| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = number(SEED).unwrap_or_else(rand::random);
    say(&format!("faults: {SEED}={seed}"));
    let mut random = StdRng::seed_from_u64(seed);
    let faults = plan(number(ROUNDS), &mut random);

    let mut scene = Scene::start(seed);
    for (round, fault) in faults.iter().enumerate() {
        scene.work(&mut random);
        scene.make(*fault, &mut random);
        if (round + 1) % 20 == 0 {
            say(&format!("faults: {} rounds, {}", round + 1, scene.so_far()));
        }
    }
    let outcome = scene.finish();
    say(&format!("faults: {} rounds in {} s: {outcome}", faults.len(), began.elapsed().as_secs()));
    outcome.assert_nothing_lost();
}

/// Each fault once in any order, or as many as are wanted.
fn plan(rounds: Option<u64>, random: &mut StdRng) -> Vec<Fault> {
    let Some(rounds) = rounds else {
        let mut faults = FAULTS.to_vec();
        faults.shuffle(random);
        return faults;
    };
    (0..rounds).map(|_| *FAULTS.choose(random).unwrap()).collect()
}

fn between(random: &mut StdRng, least: u64, most: u64) -> Duration {
    Duration::from_millis(random.random_range(least..most))
}
