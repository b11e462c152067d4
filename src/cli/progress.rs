//! Progress bars on stderr: only on a terminal, and only when asked for nothing less.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a bar is drawn anew.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// A bar over bytes with packets, rates and time left.
pub(super) fn bytes(quiet: bool) -> ProgressBar {
    bar(
        quiet,
        "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {msg} ETA {eta}",
    )
}

/// A line that counts, where the end is not known.
pub(super) fn counter(quiet: bool) -> ProgressBar {
    bar(quiet, "{spinner} {msg} {elapsed}")
}

fn bar(quiet: bool, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if quiet {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Calls `look` at the bar again and again while `work` goes on, then takes the bar away.
pub(super) async fn during<T>(
    bar: &ProgressBar,
    look: impl Fn(&ProgressBar),
    work: impl Future<Output = T>,
) -> T {
    let mut ticks = tokio::time::interval(DRAW_EVERY);
    let mut work = std::pin::pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            _ = ticks.tick() => {
                look(bar);
                bar.tick();
            }
        }
    };
    bar.finish_and_clear();
    done
}
