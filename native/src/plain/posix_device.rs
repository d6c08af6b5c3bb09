//! A TUN device of POSIX, which puts four bytes in front of a packet that say what it is: utun of macOS, and Linux without
//! vnet headers.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use super::{Device, Watch};

/// What stands in front of a packet of IPv4, and of IPv6.
pub type Families = [[u8; 4]; 2];

/// An open device; the kernel removes it with the descriptor.
pub struct PosixDevice {
    fd: OwnedFd,
    name: String,
    families: Families,
    watch: Watch,
}

impl PosixDevice {
    /// One that is open, and does not block.
    pub fn new(fd: OwnedFd, name: String, families: Families) -> io::Result<Self> {
        Ok(Self { fd, name, families, watch: Watch::new()? })
    }
}

impl Device for PosixDevice {
    fn name(&self) -> &str {
        &self.name
    }

    fn wait(&self) {
        self.watch.wait(&[&self.fd], &mut Vec::with_capacity(1));
    }

    fn nudge(&self) {
        self.watch.nudge();
    }

    fn read(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        let mut family = [0; 4];
        let parts = [
            libc::iovec { iov_base: family.as_mut_ptr().cast(), iov_len: family.len() },
            libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() },
        ];
        // SAFETY: the call writes at most as much as there is room for in the two.
        let count = unsafe { libc::readv(self.fd.as_raw_fd(), parts.as_ptr(), 2) };
        match usize::try_from(count) {
            Ok(count) => Ok(Some(count.saturating_sub(family.len()))),
            Err(_) => match io::Error::last_os_error() {
                error if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => Ok(None),
                error => Err(error),
            },
        }
    }

    fn write(&self, packet: &[u8]) -> io::Result<()> {
        let is_ipv6 = packet.first().is_some_and(|first| first >> 4 == 6);
        let family = self.families[usize::from(is_ipv6)];
        let parts = [
            libc::iovec { iov_base: family.as_ptr().cast_mut().cast(), iov_len: family.len() },
            libc::iovec { iov_base: packet.as_ptr().cast_mut().cast(), iov_len: packet.len() },
        ];
        // SAFETY: borrowed bytes, which the call only reads.
        let written = unsafe { libc::writev(self.fd.as_raw_fd(), parts.as_ptr(), 2) };
        if written < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}
