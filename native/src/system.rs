//! Clock, randomness and signals of the operating system.

/// Milliseconds of the clock that goes on while the machine sleeps.
#[cfg(unix)]
pub fn boot_ms() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[cfg(target_os = "linux")]
    let clock = libc::CLOCK_BOOTTIME;
    // The one of macOS goes on in sleep, unlike the one of Linux by that name.
    #[cfg(not(target_os = "linux"))]
    let clock = libc::CLOCK_MONOTONIC;
    // SAFETY: the call fills in the structure that it is given.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * 1_000 + time.tv_nsec as u64 / 1_000_000
}

#[cfg(windows)]
pub use crate::windows::clock::boot_ms;

/// Fills `out` with random bytes; false when the system has none.
pub fn random(out: &mut [u8]) -> bool {
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), out).is_ok()
}

/// Signals are for the threads of the process that this library is in, not for ours.
pub fn block_signals() {
    #[cfg(unix)]
    // SAFETY: all zeros is a valid set, which the first call fills and the second reads.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, std::ptr::null_mut());
    }
}
