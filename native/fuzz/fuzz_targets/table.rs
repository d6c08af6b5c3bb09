//! The routes' trie against looking at every prefix.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use rhumb_engine::table::{Prefix, PrefixTable};
use rhumb_engine_fuzz::Input;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut table = PrefixTable::default();
    let mut all: Vec<(Prefix, u32)> = Vec::new();
    while !input.is_done() {
        let step = input.byte();
        let ip = address(&mut input);
        let bits = input.byte();
        if let Some(prefix) = Prefix::new(ip, bits) {
            all.retain(|(other, _)| !(other.bits == bits && prefix.holds(other.ip)));
            if step % 4 == 0 {
                table.delete(prefix);
            } else {
                table.set(prefix, u32::from(step));
                all.push((prefix, u32::from(step)));
            }
        }
        let ip = address(&mut input);
        let mut want: Vec<(u32, u8)> =
            all.iter().filter(|(p, _)| p.holds(ip)).map(|(p, value)| (*value, p.bits)).collect();
        want.sort_by_key(|(_, bits)| *bits);
        let mut got = Vec::new();
        table.walk(ip, |value| got.push(value));
        assert_eq!(got, want.iter().map(|(value, _)| *value).collect::<Vec<_>>());
        assert_eq!(table.find(ip), want.last().copied());
    }
});

/// Few bits vary most of the time, so that prefixes lie within each other.
fn address(input: &mut Input) -> IpAddr {
    match input.byte() {
        few @ 0..0x70 => Ipv4Addr::from_bits(0x0a00_0000 | u32::from(few) << 22 | u32::from(input.byte())).into(),
        few @ 0x70..0xe0 => {
            Ipv6Addr::from_bits(0xfd7a << 112 | u128::from(few) << 60 | u128::from(input.byte()) << 32).into()
        }
        few if few & 1 == 0 => Ipv4Addr::from_bits(input.u32()).into(),
        _ => Ipv6Addr::from_bits(u128::from(input.u64()) << 64 | u128::from(input.u64())).into(),
    }
}
