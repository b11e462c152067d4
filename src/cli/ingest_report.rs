//! What an ingest says of its files.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use indicatif::ProgressBar;

use crate::cli::output;
use crate::describe::escape;
use crate::ingest::{FileOutcome, FileReport, Observer, Progress, Totals};

/// Brings the bar up to date.
pub(super) fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_length(progress.bytes_found.load(Ordering::Relaxed));
    bar.set_position(progress.bytes_read.load(Ordering::Relaxed));
    bar.set_message(format!("{} packets", progress.packets_read.load(Ordering::Relaxed)));
}

/// Prints each file's report above the bar.
pub(super) struct Console {
    pub(super) bar: ProgressBar,
    pub(super) progress: Arc<Progress>,
}

impl Observer for Console {
    fn file_done(&self, report: &FileReport) {
        self.bar.suspend(|| {
            // A report that cannot be printed must not end the ingest: the totals, and with
            // them the error, come at the end.
            print_report(report).unwrap_or_default();
        });
    }

    fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }
}

fn print_report(report: &FileReport) -> anyhow::Result<()> {
    let path = escape::Path(&report.path);
    let state = match &report.outcome {
        FileOutcome::Skipped(reason) => return output::line(&format!("{path}: skipped: {reason}")),
        FileOutcome::Known(packets) => {
            let line = format!("{path}: {packets} packets, stored by an earlier run");
            return output::line(&line);
        }
        FileOutcome::Failed(reason) => {
            output::line(&format!("{path}: FAILED: {reason}"))?;
            ""
        }
        FileOutcome::Interrupted => {
            output::line(&format!("{path}: interrupted"))?;
            ""
        }
        FileOutcome::Growing => ", still being written",
        FileOutcome::Done => "",
    };
    let is_whole = matches!(report.outcome, FileOutcome::Done | FileOutcome::Growing);
    if is_whole || report.read > 0 {
        output::line(&format!(
            "{path}: {} read, {} stored, {} already there, {} rejected{state}",
            report.read, report.stored, report.already_there, report.rejected,
        ))?;
    }
    for note in &report.notes {
        output::line(&format!("  not readable: {note}"))?;
    }
    for rejected in &report.first_rejected {
        output::line(&format!("  rejected: frame {}: {}", rejected.frame, rejected.reason))?;
    }
    let told = report.first_rejected.len() as u64;
    if report.rejected > told {
        output::line(&format!("  and {} more rejected", report.rejected - told))?;
    }
    Ok(())
}

/// Prints what became of all files together.
pub(super) fn print_totals(totals: &Totals) -> anyhow::Result<()> {
    let mut line = format!(
        "total: {} read, {} stored, {} already there, {} rejected; {} files, {} with unreadable \
         parts, {} skipped, {} failed",
        totals.read,
        totals.stored,
        totals.already_there,
        totals.rejected,
        totals.files,
        totals.damaged,
        totals.skipped,
        totals.failed,
    );
    if totals.known > 0 {
        write!(line, ", {} stored by an earlier run", totals.known)?;
    }
    output::line(&line)
}
