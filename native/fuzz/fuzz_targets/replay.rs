//! The replay window against the set of all counters seen.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use rhumb_engine::limits::REJECT_AFTER_MESSAGES;
use rhumb_engine::replay::{ReplayWindow, WINDOW};
use rhumb_engine_fuzz::Input;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut window = ReplayWindow::default();
    let mut seen = HashSet::new();
    let mut last = 0u64;
    while !input.is_done() {
        let counter = match input.byte() {
            step @ 0..0x80 => last.saturating_add(u64::from(step)),
            step @ 0x80..0xc0 => last.saturating_sub(u64::from(step & 63)),
            step @ 0xc0..0xe0 => last.saturating_sub(WINDOW - 16 + u64::from(step & 31)),
            0xe0..0xf0 => last.wrapping_add(u64::from(input.u16())),
            0xf0..0xf8 => last.wrapping_sub(u64::from(input.u16())),
            0xf8 => REJECT_AFTER_MESSAGES.wrapping_add(u64::from(input.byte())).wrapping_sub(128),
            _ => input.u64(),
        };
        let want =
            counter < REJECT_AFTER_MESSAGES && last.saturating_sub(counter) <= WINDOW && !seen.contains(&counter);
        assert_eq!(window.may_accept(counter), want, "{counter} after {last}");
        assert_eq!(window.accept(counter), want, "{counter} after {last}");
        if want {
            seen.insert(counter);
            last = last.max(counter);
        }
    }
});
