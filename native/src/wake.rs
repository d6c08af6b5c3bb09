//! A descriptor that becomes readable when something is to be done: for the reader of records, and to end threads.

use std::io;

/// Signalled until cleared.
pub struct Wake {
    #[cfg(target_os = "linux")]
    fd: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl Wake {
    /// Not signalled.
    pub fn new() -> io::Result<Self> {
        use std::os::fd::FromRawFd;
        // SAFETY: the call takes no memory of ours.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new, and ours alone.
        Ok(Self { fd: unsafe { std::os::fd::OwnedFd::from_raw_fd(fd) } })
    }

    /// The descriptor; it stays this object's.
    pub fn fd(&self) -> i32 {
        std::os::fd::AsRawFd::as_raw_fd(&self.fd)
    }

    /// Makes it readable.
    pub fn signal(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight bytes of our own. A full counter is readable already, so the result does not matter.
        unsafe { libc::write(self.fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes it unreadable.
    pub fn clear(&self) {
        let mut count = [0u8; 8];
        // SAFETY: eight bytes of our own. Without a signal there is nothing to read, and that is all right.
        unsafe { libc::read(self.fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}

/// Where there are no threads of the engine's nobody has to be woken: whoever calls in reads afterwards.
#[cfg(not(target_os = "linux"))]
impl Wake {
    /// Nothing.
    pub fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Nothing.
    pub fn signal(&self) {}

    /// Nothing.
    pub fn clear(&self) {}
}
