//! Wakes whoever waits: the reader of records, and threads that are to end. What waits is a descriptor that becomes readable,
//! or a call.

#[cfg(unix)]
use std::io;

/// Signalled until cleared.
#[cfg(unix)]
pub struct Wake {
    fd: std::os::fd::OwnedFd,
    /// The other end, where there is no descriptor that counts.
    #[cfg(not(target_os = "linux"))]
    signal: std::os::unix::net::UnixStream,
}

/// Signalled until cleared.
#[cfg(windows)]
pub use crate::windows::event::Event as Wake;

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

    /// Makes it readable.
    pub fn signal(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight bytes of our own. A full counter is readable already, so the result does not matter.
        unsafe { libc::write(self.fd(), one.as_ptr().cast(), one.len()) };
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
impl Wake {
    /// Not signalled.
    pub fn new() -> io::Result<Self> {
        let (signal, fd) = std::os::unix::net::UnixStream::pair()?;
        signal.set_nonblocking(true)?;
        fd.set_nonblocking(true)?;
        Ok(Self { fd: fd.into(), signal })
    }

    /// Makes it readable.
    pub fn signal(&self) {
        // Full means readable already.
        let _ = io::Write::write(&mut &self.signal, &[1]);
    }
}

#[cfg(unix)]
impl Wake {
    /// The descriptor; it stays this object's.
    pub fn fd(&self) -> i32 {
        std::os::fd::AsRawFd::as_raw_fd(&self.fd)
    }

    /// Makes it unreadable.
    pub fn clear(&self) {
        let mut bytes = [0u8; 64];
        // SAFETY: bytes of our own. Where there is nothing to read there was no signal, and that is all right.
        while unsafe { libc::read(self.fd(), bytes.as_mut_ptr().cast(), bytes.len()) } == bytes.len() as isize {}
    }

    /// Waits for a signal, at most `ms`; it stays.
    pub fn wait(&self, ms: u32) -> bool {
        let mut poll = libc::pollfd { fd: self.fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one structure of ours.
        unsafe { libc::poll(&mut poll, 1, i32::try_from(ms).unwrap_or(i32::MAX)) > 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn a_signal_stays_until_it_is_cleared() {
        let wake = Wake::new().expect("a wake");
        assert!(!wake.wait(0));
        for _ in 0..100 {
            wake.signal();
        }
        assert!(wake.wait(0) && wake.wait(0));
        wake.clear();
        assert!(!wake.wait(0));
    }

    #[test]
    fn a_signal_ends_a_wait() {
        let wake = std::sync::Arc::new(Wake::new().expect("a wake"));
        let waiting = wake.clone();
        let began = Instant::now();
        let thread = std::thread::spawn(move || waiting.wait(60_000));
        std::thread::sleep(Duration::from_millis(10));
        wake.signal();
        assert!(thread.join().expect("no panic"));
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}
