//! Data to stdout, everything else to stderr.

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::capture::NeedsPcapng;
use crate::cli::{Ended, UsageError};
use crate::query::ParseError;
use crate::store::{StoreError, StoreErrorKind};

/// Exit code of wrong usage, as clap's own.
const USAGE: u8 = 2;

/// Prints a line of data.
pub(super) fn line(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout().lock(), "{text}").context("write to standard output")
}

/// Prints data as it is, and ends the command.
pub(super) fn raw(data: &[u8]) -> anyhow::Result<Ended> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(data).and_then(|()| stdout.flush()).context("write to standard output")?;
    Ok(Ended::Done)
}

/// Prints a note for people. Nobody is told when even that is impossible.
pub(super) fn note(text: &str) {
    writeln!(io::stderr().lock(), "{text}").unwrap_or_default();
}

/// Asks a question and takes only `yes` for an answer.
pub(super) fn confirm(question: &str) -> anyhow::Result<()> {
    if !io::stdin().is_terminal() {
        return Err(UsageError(format!("{question} not confirmed: give --yes")).into());
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} Type yes: ").and_then(|()| stderr.flush())?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if answer.trim() == "yes" { Ok(()) } else { anyhow::bail!("not confirmed: nothing was done") }
}

/// Prints an error in one line and a hint in another, and chooses the exit code.
///
/// A closed pipe is no failure: whoever read has had enough.
pub(super) fn failure(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(is_closed_pipe) {
        return ExitCode::SUCCESS;
    }
    note(&format!("error: {error:#}"));
    let not_understood = error.chain().find_map(|cause| cause.downcast_ref::<ParseError>());
    if let Some(error) = not_understood {
        note(&error.caret());
    }
    if let Some(hint) = hint(error) {
        note(&format!("hint: {hint}"));
    }
    let usage = not_understood.is_some() || error.chain().any(<dyn Error>::is::<UsageError>);
    ExitCode::from(if usage { USAGE } else { 1 })
}

fn is_closed_pipe(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The writer hands its own error on inside an input/output error.
fn is_misfit(cause: &(dyn Error + 'static)) -> bool {
    let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inner.is_some_and(<dyn Error + Send + Sync>::is::<NeedsPcapng>)
}

fn hint(error: &anyhow::Error) -> Option<&str> {
    if let Some(error) = error.chain().find_map(|cause| cause.downcast_ref::<ParseError>()) {
        return error.hint.as_deref();
    }
    if error.chain().any(is_misfit) {
        return Some("give --format pcapng, which holds every packet");
    }
    let kind = error.chain().find_map(|cause| cause.downcast_ref::<StoreError>())?.kind;
    Some(match kind {
        StoreErrorKind::Unreachable => {
            "is the server running, and are --store and its port right? http or https?"
        }
        StoreErrorKind::UntrustedCertificate => {
            "give the certificate authority of the server with --ca-cert FILE"
        }
        StoreErrorKind::Unauthorized => {
            "give a valid key with --api-key-file, or --username and --password-file"
        }
        StoreErrorKind::Forbidden => {
            "the key has no right to do this: ingest needs publish.key, fetch read.key, prune \
             prune.key"
        }
        StoreErrorKind::NotSetUp => {
            "run `pcap-archiver setup` first; the embedded store is made by `ingest`"
        }
        StoreErrorKind::Conflict => {
            "choose another name with --index NAME (or another directory), or remove what is there"
        }
        StoreErrorKind::Full => {
            "make room: remove old packets with `pcap-archiver prune`, or add disks or shards"
        }
        StoreErrorKind::Lost => {
            "see to what the error says (the disk has to have room and to work), and do the same \
             again: what is stored already is recognised"
        }
        StoreErrorKind::Busy => "the store is overloaded: try again later, nothing is lost",
        StoreErrorKind::Locked => "another ingest is using this store: wait until it has ended",
        _ => return None,
    })
}
