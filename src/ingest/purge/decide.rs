//! Whether a capture file may go: the one place that decides.

use std::time::Duration;

use crate::ingest::file_state::Finished;

/// Everything that is known when a file's turn comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Evidence {
    /// Why it is taken to be complete.
    pub(super) finished: Finished,
    /// Whether some process has it open for writing; `None` when the system cannot tell.
    pub(super) being_written: Option<bool>,
    /// Whether it is a file of its own, and not a link to one.
    pub(super) is_regular: bool,
    /// Since when it has not been written.
    pub(super) age: Duration,
    /// Whether a part of it could not be read.
    pub(super) unreadable: bool,
    /// Packets that the store refused.
    pub(super) rejected: u64,
    /// What the proof found; `None` when it was not worth beginning.
    pub(super) proof: Option<Proof>,
}

/// A file and the store compared, right before the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Proof {
    /// Packets in the file, read again.
    pub(super) read: u64,
    /// Packets of it that the store had acknowledged, in order and identity.
    pub(super) acknowledged: u64,
    /// Whether the file is the same as it was when it was stored: size, time, every packet.
    pub(super) unchanged: bool,
    /// Packets of this capture that the store counts.
    pub(super) counted: u64,
    /// Packets that were fetched again.
    pub(super) sampled: u64,
    /// Packets among them that came back as they are in the file.
    pub(super) equal: u64,
}

/// What happens to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// It may go.
    Purge,
    /// It may go if the proof succeeds.
    Prove,
    /// Not yet; look again.
    Wait(&'static str),
    /// It stays, until it changes.
    Keep(Reason),
}

/// Why a file stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Only what is proven may go.
    Unreadable,
    /// The dead letters hold them; the file is their only other place.
    Rejected,
    /// It is a link, or lies behind one.
    Link,
    /// It is not what was stored; if it is read again, it is decided again.
    Changed,
    /// The store does not hold what it acknowledged.
    NotInStore,
    /// What came back differs.
    Different,
}

impl Reason {
    /// As people read it.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Unreadable => "a part of it could not be read, so it is not in the store",
            Self::Rejected => "the store refused packets of it",
            Self::Link => "it is a symbolic link, or lies behind one",
            Self::Changed => "it has changed since it was read",
            Self::NotInStore => "the store does not hold all packets that were read",
            Self::Different => "packets came back from the store other than they are in the file",
        }
    }
}

/// Why a file waits as long as its writer, who may have forgotten it.
pub(super) const OPEN_FOR_WRITING: &str = "it is open for writing";

/// Why a file waits for ever, unless it is closed or the user says how long is long enough.
pub(super) const UNKNOWN_WRITER: &str = "its writer may still have it open, and the system cannot \
                                         tell: --purge-after says how long to wait";

/// What to do with a file, and why. `purge_after`: how long it must have been still.
pub(super) fn decide(evidence: &Evidence, purge_after: Duration) -> Decision {
    let Evidence { finished, being_written, .. } = *evidence;
    if !evidence.is_regular {
        return Decision::Keep(Reason::Link);
    }
    if evidence.unreadable {
        return Decision::Keep(Reason::Unreadable);
    }
    if evidence.rejected > 0 {
        return Decision::Keep(Reason::Rejected);
    }
    if being_written == Some(true) {
        return Decision::Wait(OPEN_FOR_WRITING);
    }
    if evidence.age < purge_after {
        return Decision::Wait("it is younger than --purge-after");
    }
    // A quiet network looks like a finished file, and files that are written side by side like a
    // rotation. Where the system cannot say that nobody writes it, only the one who closed it
    // can, or time, and how much is the user's word.
    if being_written.is_none() && finished != Finished::Closed && purge_after.is_zero() {
        return Decision::Wait(UNKNOWN_WRITER);
    }
    let Some(proof) = evidence.proof else { return Decision::Prove };
    if !proof.unchanged || proof.read != proof.acknowledged {
        return Decision::Keep(Reason::Changed);
    }
    if proof.counted < proof.read || proof.sampled < sample_size(proof.read) {
        return Decision::Keep(Reason::NotInStore);
    }
    if proof.equal != proof.sampled {
        return Decision::Keep(Reason::Different);
    }
    Decision::Purge
}

/// Packets of a file that are fetched again and compared byte for byte.
pub(super) fn sample_size(packets: u64) -> u64 {
    const SAMPLE: u64 = 16;
    packets.min(SAMPLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn good() -> Evidence {
        Evidence {
            finished: Finished::Closed,
            being_written: Some(false),
            is_regular: true,
            age: Duration::from_mins(1),
            unreadable: false,
            rejected: 0,
            proof: Some(Proof {
                read: 100,
                acknowledged: 100,
                unchanged: true,
                counted: 100,
                sampled: 16,
                equal: 16,
            }),
        }
    }

    fn proof(change: impl Fn(&mut Proof)) -> Evidence {
        let mut evidence = good();
        evidence.proof.iter_mut().for_each(change);
        evidence
    }

    #[test]
    fn only_what_is_proven_goes() {
        use Decision::{Keep, Prove, Purge, Wait};
        let zero = Duration::ZERO;
        let settled = Evidence { finished: Finished::Settled, ..good() };
        let unknown = Evidence { being_written: None, ..good() };
        let old = Evidence { age: HOUR, ..settled };
        let table: &[(&str, Evidence, Duration, Decision)] = &[
            ("everything is proven", good(), zero, Purge),
            ("settled, and nobody writes it", settled, zero, Purge),
            ("closed, the system cannot tell", unknown, zero, Purge),
            (
                "superseded, and nobody writes it",
                Evidence { finished: Finished::Superseded, ..good() },
                zero,
                Purge,
            ),
            (
                "superseded, the system cannot tell: perhaps by a file beside it",
                Evidence { finished: Finished::Superseded, ..unknown },
                zero,
                Wait(UNKNOWN_WRITER),
            ),
            (
                "settled, the system cannot tell",
                Evidence { being_written: None, ..settled },
                zero,
                Wait(UNKNOWN_WRITER),
            ),
            (
                "read as it stood, the system cannot tell",
                Evidence { finished: Finished::AsItStands, ..unknown },
                zero,
                Wait(UNKNOWN_WRITER),
            ),
            (
                "settled, the system cannot tell, but the user says how long",
                Evidence { being_written: None, ..old },
                HOUR,
                Purge,
            ),
            (
                "open for writing, even when it was closed before",
                Evidence { being_written: Some(true), ..good() },
                zero,
                Wait("it is open for writing"),
            ),
            ("young", good(), HOUR, Wait("it is younger than --purge-after")),
            ("old enough", Evidence { age: HOUR, ..good() }, HOUR, Purge),
            ("a link", Evidence { is_regular: false, ..good() }, zero, Keep(Reason::Link)),
            ("damaged", Evidence { unreadable: true, ..good() }, zero, Keep(Reason::Unreadable)),
            ("refused", Evidence { rejected: 1, ..good() }, zero, Keep(Reason::Rejected)),
            (
                "refused and young: it is said at once",
                Evidence { rejected: 1, ..good() },
                HOUR,
                Keep(Reason::Rejected),
            ),
            ("no proof", Evidence { proof: None, ..good() }, zero, Prove),
            ("grown", proof(|proof| proof.read = 101), zero, Keep(Reason::Changed)),
            ("touched", proof(|proof| proof.unchanged = false), zero, Keep(Reason::Changed)),
            ("one lost", proof(|proof| proof.counted = 99), zero, Keep(Reason::NotInStore)),
            ("more of the same beginning", proof(|proof| proof.counted = 150), zero, Purge),
            ("sample missing", proof(|proof| proof.sampled = 15), zero, Keep(Reason::NotInStore)),
            ("sample differs", proof(|proof| proof.equal = 15), zero, Keep(Reason::Different)),
            (
                "a capture without packets",
                proof(|proof| *proof = Proof { unchanged: true, ..Proof::default() }),
                zero,
                Purge,
            ),
        ];
        for (what, evidence, purge_after, expected) in table {
            assert_eq!(decide(evidence, *purge_after), *expected, "{what}");
        }
    }
}
