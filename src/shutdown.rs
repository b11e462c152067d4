//! SIGINT and SIGTERM: the first asks the program to finish what it has begun, the second ends
//! it at once.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Exit code of a run that was interrupted: 128 and the number of SIGINT.
pub const INTERRUPTED: u8 = 130;

/// A token that is cancelled by the first signal.
///
/// # Errors
/// When the signal handlers cannot be installed.
pub fn on_signal() -> io::Result<CancellationToken> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stopped.is_cancelled() {
                end_now();
            }
            warn!("stopping; once more to stop at once");
            stopped.cancel();
        }
    });
    Ok(stop)
}

#[expect(clippy::exit, reason = "the second signal means: now, whatever is under way")]
fn end_now() -> ! {
    std::process::exit(i32::from(INTERRUPTED))
}
