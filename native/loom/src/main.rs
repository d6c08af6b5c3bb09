//! Where the engine's threads meet without a lock around everything: every order in which they can run is tried.
//!
//! The files are the engine's own; only their locks and atomics are loom's. `cargo run --release` says what held.
#![allow(dead_code)]

use std::sync::Arc;

use loom::thread;

#[path = "../../src/classify.rs"]
mod classify;
#[path = "../../src/codec.rs"]
mod codec;
#[path = "../../src/counters.rs"]
mod counters;
#[path = "../../src/hash.rs"]
mod hash;
#[path = "../../src/inner.rs"]
mod inner;
#[path = "../../src/order.rs"]
mod order;
#[path = "../../src/records.rs"]
mod records;
#[path = "../../src/table.rs"]
mod table;

/// Readable until cleared, as the true one's descriptor.
mod wake {
    use loom::sync::atomic::{AtomicBool, Ordering};

    pub struct Wake(AtomicBool);

    impl Wake {
        pub fn new() -> std::io::Result<Self> {
            Ok(Self(AtomicBool::new(false)))
        }

        pub fn signal(&self) {
            self.0.store(true, Ordering::Release);
        }

        pub fn clear(&self) {
            self.0.store(false, Ordering::Release);
        }

        pub fn wait(&self, _: u32) -> bool {
            self.0.load(Ordering::Acquire)
        }
    }
}

use counters::Counters;
use order::Order;
use records::{Kind, Record, Records};

fn main() {
    model("work leaves in the order in which it came, and every thread ends", || turns(&[false, false, false]));
    model("a turn that is given up before it came lets the others go", || turns(&[false, true, false]));
    model("no record waits without a wake-up", wake_ups);
}

fn model(what: &str, run: fn()) {
    let mut bounded = loom::model::Builder::new();
    // More than that many forced switches find no more, and take for ever.
    bounded.preemption_bound = Some(3);
    bounded.check(run);
    println!("{what}");
}

/// Threads with a turn each; some drop theirs without waiting first.
fn turns(given_up: &[bool]) {
    let order = Arc::new(Order::default());
    let left = Arc::new(loom::sync::Mutex::new(Vec::new()));
    let turns: Vec<_> = given_up.iter().map(|_| order.draw()).collect();
    let work = |(number, turn): (usize, order::Turn)| {
        let (left, is_given_up) = (left.clone(), given_up[number]);
        move || {
            if !is_given_up {
                turn.wait();
                left.lock().expect("nobody panicked").push(number);
            }
            drop(turn);
        }
    };
    let mut all: Vec<_> = turns.into_iter().enumerate().map(work).collect();
    let own = all.remove(0);
    let threads: Vec<_> = all.into_iter().map(thread::spawn).collect();
    own();
    threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    let want: Vec<usize> = (0..given_up.len()).filter(|number| !given_up[*number]).collect();
    assert_eq!(*left.lock().expect("nobody panicked"), want);
}

/// Two threads tell something while the reader reads until there is nothing more, and then waits.
fn wake_ups() {
    let records = Arc::new(Records::new().expect("a wake-up"));
    let tell = |number: u32| {
        let records = records.clone();
        move || records.push(&Counters::default(), &Record::new(Kind::NeedPath).aux(number))
    };
    let threads = [thread::spawn(tell(1)), thread::spawn(tell(2))];
    let mut out = [0; 256];
    let mut seen = 0;
    loop {
        let count = records.poll(&mut out).expect("room enough") / records::HEADER;
        seen += count;
        if count == 0 {
            break;
        }
    }
    threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    let is_woken = records.wake.wait(0);
    let rest = records.poll(&mut out).expect("room enough") / records::HEADER;
    assert_eq!(seen + rest, 2, "nothing is lost");
    assert!(rest == 0 || is_woken, "{rest} records wait, and nobody says so");
}
