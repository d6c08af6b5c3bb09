//! Packets in waiting against plain lists: never too many, never the wrong ones, and the total is the sum.
#![no_main]

use std::collections::VecDeque;

use libfuzzer_sys::fuzz_target;
use rhumb_engine::staging::{MAX_BYTES, MAX_PACKETS, MAX_TOTAL_BYTES, StagedTotal, Staging};
use rhumb_engine_fuzz::Input;

const PEERS: usize = 40;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let total = StagedTotal::default();
    let mut queues: Vec<Staging> = (0..PEERS).map(|_| Staging::default()).collect();
    let mut models: Vec<VecDeque<(u64, usize, u8)>> = vec![VecDeque::new(); PEERS];
    let bytes = vec![0; 65_535];
    let mut now = 1;
    while !input.is_done() {
        let step = input.byte();
        let which = input.below(PEERS);
        let (queue, model) = (&mut queues[which], &mut models[which]);
        match step % 8 {
            0..4 => {
                let size = if step & 8 == 0 { usize::from(step) } else { usize::from(input.u16()) };
                let mut packet = bytes[..size].to_vec();
                packet.iter_mut().take(1).for_each(|first| *first = step);
                let mut all = total.bytes() + size;
                model.push_back((now, size, if size == 0 { 0 } else { step }));
                let mut dropped = 0;
                let held = |model: &VecDeque<(u64, usize, u8)>| model.iter().map(|(_, size, _)| size).sum::<usize>();
                while model.len() > MAX_PACKETS || held(model) > MAX_BYTES || all > MAX_TOTAL_BYTES {
                    let Some((_, size, _)) = model.pop_front() else { break };
                    all -= size;
                    dropped += 1;
                }
                assert_eq!(queue.push(&total, &packet, now), dropped);
            }
            4 => {
                let got = queue.shift(&total).map(|packet| (packet.len(), packet.first().copied().unwrap_or(0)));
                assert_eq!(got, model.pop_front().map(|(_, size, first)| (size, first)));
            }
            5 => {
                let got: Vec<usize> = queue.take(&total).map(|packet| packet.len()).collect();
                assert_eq!(got, model.drain(..).map(|(_, size, _)| size).collect::<Vec<_>>());
            }
            6 => {
                let since = now.saturating_sub(u64::from(step >> 3));
                let count = model.iter().take_while(|(at, ..)| *at <= since).count();
                model.drain(..count);
                assert_eq!(queue.expire(&total, since), count as u64);
            }
            _ => {
                now += u64::from(step >> 3);
                if step & 0xf0 == 0xf0 {
                    assert_eq!(queue.clear(&total), model.drain(..).count() as u64);
                }
            }
        }
        assert_eq!(queue.is_empty(), model.is_empty());
        let held: usize = models.iter().flatten().map(|(_, size, _)| size).sum();
        assert_eq!(total.bytes(), held);
    }
});
