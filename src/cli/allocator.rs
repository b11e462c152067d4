//! How much memory the process keeps of what it has given back.

/// Bytes from which a buffer goes back to the system when it is dropped.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BUFFER: libc::c_int = 1 << 20;

/// Gives large buffers back to the system. They come and go in every stage of an ingest, and glibc
/// takes the first one that is dropped as a sign to keep such sizes, once for each of many threads
/// (mallopt(3), "dynamic mmap threshold"): an ingest of four million packets held 315 MB of memory,
/// and with a threshold that stays where it is 163 MB.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "a setting of the C library, which has no safe form")]
pub(super) fn give_large_buffers_back() {
    // SAFETY: it takes two numbers, and changes settings of the allocator under the allocator's own
    // lock; no other thread is there yet. It fails for numbers out of range, and then all is as before.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BUFFER);
    }
}

/// Other allocators decide for themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn give_large_buffers_back() {}
