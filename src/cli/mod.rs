//! The command line: flags → values → one library call → report.

mod fetch;
mod ingest;
mod ingest_report;
mod output;
mod progress;
mod prune;
mod prune_table;
mod query_args;
mod serve;
mod setup;
mod state_dir;
mod status;
mod store_args;
mod up;
mod user;
mod verify;
mod web_args;

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::LevelFilter;

use crate::logging::{self, LogFormat};
use crate::shutdown;
use store_args::StoreArgs;

/// A packet archive: stores every packet of your capture files, lets the files go, and gives
/// packets back as a capture file.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Examples:
  pcap-archiver ingest captures/            store every packet of a folder
  tcpdump -U -w - | pcap-archiver ingest -  store a stream
  pcap-archiver fetch 192.0.2.1 53          packets of a host and a port, as a capture file
  pcap-archiver fetch tcp 443 -w - | tcpdump -r -
  pcap-archiver serve                       the same in a browser
  pcap-archiver verify captures/a.pcap      is every packet of the file in the archive?"
)]
pub struct Cli {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
struct LogArgs {
    /// Say more; twice for even more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Say only what went wrong
    #[arg(short, long, global = true, env = "PCAP_ARCHIVER_QUIET")]
    quiet: bool,
    /// How log lines look
    #[arg(long, global = true, env = "PCAP_ARCHIVER_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a store ready: index template, mapping, API keys
    Setup(setup::SetupArgs),
    /// Store the packets of files, folders or a stream
    Ingest(ingest::IngestArgs),
    /// Stay with a folder: store what is captured there, as it is captured, and serve the page
    Up(Box<up::UpArgs>),
    /// Give packets back as a capture file
    Fetch(fetch::FetchArgs),
    /// Serve the web page and the HTTP API
    Serve(serve::ServeArgs),
    /// Add, list or remove the users of `serve --auth users`
    User(user::UserArgs),
    /// Remove packets that are too old or too many
    Prune(prune::PruneArgs),
    /// Tell what the store holds, and what your key may do
    Status(status::StatusArgs),
    /// Check that every packet of a file is in the store, byte for byte
    Verify(verify::VerifyArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(hide = true)]
    Man,
}

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Done,
    /// Something was rejected, unreadable or missing; it has been said what.
    Incomplete,
    Interrupted,
}

/// Wrong usage that clap cannot see.
#[derive(Debug)]
struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    // The embedded store keeps a file open for each of its segments. Where the limit cannot be
    // raised, whoever meets it says so.
    rlimit::increase_nofile_limit(u64::MAX).ok();
    let matches = without_empty_variables(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    logging::start(cli.level(), cli.log.log_format);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return output::failure(&anyhow::Error::new(error).context("start")),
    };
    let ended = runtime.block_on(cli.run());
    // A thread that still reads a pipe must not keep the program from ending.
    runtime.shutdown_background();
    match ended {
        Ok(Ended::Done) => ExitCode::SUCCESS,
        Ok(Ended::Incomplete) => ExitCode::from(1),
        Ok(Ended::Interrupted) => ExitCode::from(shutdown::INTERRUPTED),
        Err(error) => output::failure(&error),
    }
}

impl Cli {
    async fn run(self) -> anyhow::Result<Ended> {
        let stop = shutdown::on_signal()?;
        let quiet = self.log.quiet;
        let store = self.store;
        match self.command {
            Command::Setup(args) => unless(&stop, args.run(&store)).await,
            Command::Ingest(args) => args.run(&store, quiet, stop).await,
            Command::Up(args) => args.run(&store, quiet, stop).await,
            Command::Fetch(args) => unless(&stop, args.run(&store, quiet)).await,
            Command::Serve(args) => args.run(&store, quiet, stop).await,
            Command::User(args) => args.run(&store),
            Command::Prune(args) => match args.stays() {
                Some(every) => args.stay(&store, every, &stop).await,
                None => unless(&stop, args.run(&store)).await,
            },
            Command::Status(args) => unless(&stop, args.run(&store)).await,
            Command::Verify(args) => unless(&stop, args.run(&store)).await,
            Command::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Self::command(), "pcap-archiver", &mut script);
                output::raw(&script)
            }
            Command::Man => {
                let mut page = Vec::new();
                clap_mangen::Man::new(Self::command()).render(&mut page)?;
                output::raw(&page)
            }
        }
    }

    /// Long-running commands say what they do; commands that print data say only what is wrong.
    fn level(&self) -> LevelFilter {
        let normal = match &self.command {
            Command::Ingest(_) | Command::Up(_) | Command::Serve(_) | Command::Setup(_) => {
                LevelFilter::INFO
            }
            Command::Prune(args) if args.stays().is_some() => LevelFilter::INFO,
            _ => LevelFilter::WARN,
        };
        match (self.log.quiet, self.log.verbose) {
            (true, _) => LevelFilter::ERROR,
            (false, 0) => normal,
            (false, 1) => LevelFilter::DEBUG,
            (false, _) => LevelFilter::TRACE,
        }
    }
}

/// A variable that is empty is one that is not set: a container's settings may name it all the
/// same, with nothing in it.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| {
            if arg.get_env().is_some_and(is_empty) { arg.env(Resettable::Reset) } else { arg }
        })
        .mut_subcommands(without_empty_variables)
}

/// Runs a command that leaves nothing behind when it is dropped.
async fn unless(
    stop: &CancellationToken,
    command: impl Future<Output = anyhow::Result<Ended>>,
) -> anyhow::Result<Ended> {
    tokio::select! {
        ended = command => ended,
        () = stop.cancelled() => Ok(Ended::Interrupted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
