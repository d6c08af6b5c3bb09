//! Several threads work at once, and what they give leaves in the order in which their work came (data-plane.md §2.8).

#[cfg(loom)]
use loom::hint::spin_loop;
#[cfg(loom)]
use loom::sync::{Condvar, Mutex, atomic::AtomicU64};
#[cfg(not(loom))]
use std::hint::spin_loop;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
#[cfg(not(loom))]
use std::sync::{Condvar, Mutex, atomic::AtomicU64};

/// How often a thread looks again before it sleeps: the one before it is mostly about to end.
const LOOKS: usize = if cfg!(loom) { 1 } else { 500 };
/// Nobody keeps the order any more.
const OVER: u64 = u64::MAX;

/// Whose turn it is.
#[derive(Default)]
pub struct Order {
    drawn: AtomicU64,
    now: AtomicU64,
    /// Threads that sleep until it is theirs.
    sleepers: Mutex<usize>,
    changed: Condvar,
}

impl Order {
    /// A turn after all those that were drawn before.
    pub fn draw(self: &Arc<Self>) -> Turn {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        Turn { order: self.clone(), number }
    }

    fn has_come(&self, number: u64) -> bool {
        let now = self.now.load(Ordering::Acquire);
        now == number || now == OVER
    }

    fn wait(&self, number: u64) {
        for _ in 0..LOOKS {
            if self.has_come(number) {
                return;
            }
            spin_loop();
        }
        let mut sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        *sleepers += 1;
        while !self.has_come(number) {
            sleepers = self.changed.wait(sleepers).unwrap_or_else(PoisonError::into_inner);
        }
        *sleepers -= 1;
    }

    fn set(&self, now: u64) {
        // Under the lock, so that nobody looks before and falls asleep after.
        let sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        if self.now.load(Ordering::Relaxed) != OVER {
            self.now.store(now, Ordering::Release);
        }
        if *sleepers > 0 {
            self.changed.notify_all();
        }
    }
}

/// One place in an order; dropping it lets the next one go.
pub struct Turn {
    order: Arc<Order>,
    number: u64,
}

impl Turn {
    /// Waits until everything before has left.
    pub fn wait(&self) {
        self.order.wait(self.number);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What this one had is lost, and nobody shall wait for it.
            return self.order.set(OVER);
        }
        self.wait();
        self.order.set(self.number + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn work_of_many_threads_leaves_in_the_order_in_which_it_came() {
        let order = Arc::new(Order::default());
        let input = Arc::new(Mutex::new(0_u32));
        let output = Arc::new(Mutex::new(Vec::new()));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (order, input, output) = (order.clone(), input.clone(), output.clone());
                thread::spawn(move || {
                    loop {
                        let mut next = input.lock().expect("nobody panicked");
                        if *next == 2_000 {
                            return;
                        }
                        let (work, turn) = (*next, order.draw());
                        *next += 1;
                        drop(next);
                        // Long enough to sleep, now and then.
                        if work % 100 == 7 {
                            thread::sleep(Duration::from_millis(2));
                        }
                        turn.wait();
                        output.lock().expect("nobody panicked").push(work);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("it ends by itself"));
        assert!(output.lock().expect("nobody panicked").iter().copied().eq(0..2_000));
    }

    #[test]
    fn a_panic_keeps_nobody_waiting() {
        let order = Arc::new(Order::default());
        let (first, second) = (order.draw(), order.draw());
        let fails = thread::spawn(move || {
            let _first = first;
            panic!("on purpose");
        });
        assert!(fails.join().is_err());
        drop(second);
        drop(order.draw());
    }
}
