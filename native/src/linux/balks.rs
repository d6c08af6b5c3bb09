//! Paths on which large sends fail although their datagrams go one by one (data-plane.md §2.6).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So often in a row, and a path gets no large sends for so long.
const TIMES: u32 = 2;
const REST_MS: u64 = 60_000;
/// Paths in trouble at once; with more all of them are tried anew.
const MAX_PATHS: usize = 64;

#[derive(Clone, Copy, Default)]
struct Balk {
    times: u32,
    rests_until: u64,
}

/// All such paths of one engine; there are hardly ever any.
#[derive(Default)]
pub struct Balks {
    has_any: AtomicBool,
    paths: Mutex<HashMap<SocketAddr, Balk>>,
}

impl Balks {
    /// No large sends there now.
    pub fn rests(&self, to: SocketAddr, now: impl FnOnce() -> u64) -> bool {
        self.has_any.load(Ordering::Relaxed) && self.lock().get(&to).is_some_and(|balk| now() < balk.rests_until)
    }

    /// A large send was refused, and its datagrams went all the same; true when the path rests from now on.
    pub fn refused(&self, to: SocketAddr, now: u64) -> bool {
        let mut paths = self.lock();
        if paths.len() >= MAX_PATHS && !paths.contains_key(&to) {
            paths.clear();
        }
        let balk = paths.entry(to).or_default();
        balk.times += 1;
        let does_rest = balk.times >= TIMES;
        if does_rest {
            *balk = Balk { times: 0, rests_until: now + REST_MS };
        }
        self.has_any.store(true, Ordering::Relaxed);
        does_rest
    }

    /// A large send went through, or its datagrams did not go either.
    pub fn forget(&self, to: SocketAddr) {
        if self.has_any.load(Ordering::Relaxed) {
            let mut paths = self.lock();
            paths.remove(&to);
            self.has_any.store(!paths.is_empty(), Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Balk>> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn a_path_rests_for_a_minute_after_two_refusals_in_a_row() {
        let balks = Balks::default();
        assert!(!balks.refused(path(1), 5));
        assert!(!balks.rests(path(1), || 5));
        balks.forget(path(1));
        assert!(!balks.refused(path(1), 6));
        assert!(balks.refused(path(1), 7));
        assert!(balks.rests(path(1), || 60_006));
        assert!(!balks.rests(path(1), || 60_007));
        assert!(!balks.rests(path(2), || 8));
        assert!(!balks.refused(path(1), 60_008));
        assert!(balks.refused(path(1), 60_009));
    }

    #[test]
    fn paths_without_end_are_not_kept() {
        let balks = Balks::default();
        for port in 0..1_000 {
            balks.refused(path(port), 1);
            assert!(balks.lock().len() <= MAX_PATHS);
        }
    }
}
