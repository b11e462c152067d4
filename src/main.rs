//! The `pcap-archiver` program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    pcap_archiver::cli::main()
}
