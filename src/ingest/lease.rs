//! Whether anybody has a file open for writing: only the kernel knows.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

use rustix::fs::fstatfs;
use tokio::signal::unix::{SignalKind, signal};

/// File systems of which this machine's kernel knows every writer, as statfs(2) numbers them. All
/// others may have writers elsewhere, whatever they say to a lease: NFS and SMB, FUSE, shared
/// folders of virtual machines.
const LOCAL: [u64; 11] = [
    0xef53,      // ext2 to ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0xf2f5_2010, // F2FS
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
    0x794c_7630, // overlayfs
    0x2fc1_2fc1, // ZFS
    0xca45_1a4e, // bcachefs
    0x3153_464a, // JFS
    0x5265_4973, // ReiserFS
];

/// Whether some process, in whatever container of this machine, has the file open for writing.
/// `None` where the system cannot tell: the file is another user's and this process may not ask
/// (`CAP_LEASE`), or its file system may have writers on other machines.
///
/// The kernel grants a read lease only on a file that nobody has open for writing
/// (fcntl(2), `F_SETLEASE`); it is given back at once. A writer that opens the file in between is
/// held up for that moment, and this process is sent SIGIO: see [`expect_writers`].
pub(super) fn is_being_written(file: &File) -> Option<bool> {
    if !is_local(file) {
        return None;
    }
    match set_lease(file, libc::F_RDLCK) {
        Ok(()) => {
            // If it cannot be given back, closing the file does.
            set_lease(file, libc::F_UNLCK).ok();
            Some(false)
        }
        Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => Some(true),
        Err(_) => None,
    }
}

fn is_local(file: &File) -> bool {
    let kind = fstatfs(file).ok().and_then(|found| u64::try_from(found.f_type).ok());
    kind.is_some_and(|kind| LOCAL.contains(&kind))
}

/// Lets the process live on when a writer opens a file in the moment in which it has the lease:
/// SIGIO, which says so, ends a process that does not expect it.
///
/// # Errors
/// When no signal handler can be installed.
pub(super) fn expect_writers() -> io::Result<()> {
    // The handler stays when its receiver goes (tokio::signal::unix).
    signal(SignalKind::io()).map(drop)
}

#[expect(unsafe_code, reason = "no maintained crate offers leases safely")]
fn set_lease(file: &File, kind: libc::c_int) -> io::Result<()> {
    // SAFETY: F_SETLEASE takes an open descriptor, which `file` is, and a number; it touches no
    // memory of this process.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::OpenOptionsExt as _;

    use super::*;

    #[tokio::test]
    async fn a_writer_that_comes_meanwhile_does_not_end_this_process() {
        expect_writers().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        set_lease(file.as_file(), libc::F_RDLCK).unwrap_err();
        let reader = File::open(file.path()).unwrap();
        let path = file.into_temp_path();
        set_lease(&reader, libc::F_RDLCK).unwrap();
        let writer = File::options().write(true).custom_flags(libc::O_NONBLOCK).open(&path);
        assert_eq!(writer.unwrap_err().kind(), io::ErrorKind::WouldBlock, "and SIGIO was sent");
        set_lease(&reader, libc::F_UNLCK).unwrap();
    }

    #[test]
    fn what_another_file_system_says_of_writers_is_not_believed() {
        let foreign = File::open("/proc/self/status").unwrap();
        assert!(!is_local(&foreign));
        assert_eq!(is_being_written(&foreign), None);
    }

    #[test]
    fn an_open_writer_is_seen_until_it_closes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pcap");
        let writer = File::create(&path).unwrap();
        let reader = File::open(&path).unwrap();
        assert_eq!(is_being_written(&reader), Some(true));
        drop(writer);
        assert_eq!(is_being_written(&reader), Some(false));
        // The lease was given back: this open is not held up.
        drop(File::options().append(true).open(&path).unwrap());
        assert_eq!(is_being_written(&reader), Some(false));
    }
}
