//! The `pcap-archiver` program: everything is in the library.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// Every stage of an ingest makes small values in one thread that another drops. With jemalloc that
/// takes a tenth less of the time of an ingest than with glibc, and no more memory.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Memory that was given back goes to the system after a second instead of ten, for the same speed:
/// most of what an ingest uses are large buffers that come and go.
///
/// jemalloc reads this name before anything else runs (jemalloc(3), "Tuning").
#[expect(unsafe_code, reason = "a name that the linker knows")]
#[unsafe(export_name = "_rjem_malloc_conf")]
static ALLOCATOR_SETTINGS: &[u8; 20] = b"dirty_decay_ms:1000\0";

fn main() -> ExitCode {
    pcap_archiver::cli::main()
}
