//! Compiled rules against looking at each, and whole packets against what any filter must hold to.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use rhumb_engine::filter::rules::{Found, Policy, RuleSpec, Rules, Target, VerdictCache};
use rhumb_engine::filter::{PacketFilter, Verdict};
use rhumb_engine::inner::Inner;
use rhumb_engine::table::Prefix;
use rhumb_engine_fuzz::{Input, packet};

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let policy = policy(&mut input);
    let rules = Rules::compile(&policy);
    for _ in 0..8 {
        let (source, destination) = (address(&mut input), address(&mut input));
        let protocol = input.pick(&[1, 6, 17, 47, 58, 132, 255]);
        let port = u16::from(input.byte());
        assert_eq!(
            rules.find(source, destination, protocol, port),
            plainly(&policy, source, destination, protocol, port)
        );
    }
    let mut filter = PacketFilter::default();
    filter.rules = Some(rules);
    let mut cache = VerdictCache::default();
    let mut now = 1_000;
    while !input.is_done() {
        let bytes = packet(&mut input);
        let Some(inner) = Inner::parse(&bytes) else { continue };
        now += u64::from(input.byte());
        let first = filter.inbound(&inner, now, false, &mut cache);
        assert_eq!(first, filter.inbound(&inner, now, false, &mut cache), "asked again");
        assert_eq!(first, filter.inbound(&inner, now, false, &mut VerdictCache::default()), "nothing remembered");
        let jailed = filter.inbound(&inner, now, true, &mut cache);
        assert!(jailed != Verdict::Filtered && (jailed != Verdict::Pass || first == Verdict::Pass));
        if filter.outbound(&inner, now) != Verdict::Pass || !matches!(inner.protocol(), 17 | 132) {
            continue;
        }
        if let Some(answer) = turned(&inner) {
            let answer = Inner::parse(&answer).expect("as long as before");
            let verdict = filter.inbound(&answer, now + 180_000, true, &mut cache);
            let is_spoilt = matches!(verdict, Verdict::Multicast | Verdict::LinkLocal);
            assert!(verdict == Verdict::Pass || is_spoilt, "an answer within three minutes: {verdict:?}");
        }
    }
});

/// The same packet on its way back, where its ports can be seen.
fn turned(inner: &Inner) -> Option<Vec<u8>> {
    let mut bytes = inner.bytes.to_vec();
    let (addresses, size, ip) = match inner.version {
        4 if !inner.is_fragment_v4() => (12, 4, usize::from(bytes[0] & 15) * 4),
        6 => (8, 16, 40),
        _ => return None,
    };
    for i in 0..size {
        bytes.swap(addresses + i, addresses + size + i);
    }
    for i in 0..2 {
        bytes.swap(ip + i, ip + 2 + i);
    }
    Some(bytes)
}

/// Several rules may have the same sources.
fn policy(input: &mut Input) -> Policy {
    let sources: Vec<Vec<Prefix>> =
        (0..1 + input.below(5)).map(|_| (0..input.below(4)).map(|_| prefix(input)).collect()).collect();
    let rules = (0..input.below(9)).map(|_| spec(input, sources.len())).collect();
    Policy { sources, rules }
}

fn spec(input: &mut Input, lists: usize) -> RuleSpec {
    let protocols = input.pick(&[&[][..], &[6], &[17, 132], &[47], &[1], &[6, 17, 255]]).to_vec();
    let target = |input: &mut Input| {
        let ports = (u16::from(input.byte()), u16::from(input.byte()));
        let (first, last) = input.pick(&[(0, 65_535), ports, (22, 22)]);
        Target { prefix: prefix(input), first, last }
    };
    let sources = input.below(lists);
    RuleSpec { protocols, sources, destinations: (0..input.below(3)).map(|_| target(input)).collect() }
}

fn prefix(input: &mut Input) -> Prefix {
    let ip = address(input);
    let bits = input.pick(&[0, 8, 24, 30, 31, 32, 64, 127, 128]);
    Prefix { ip, bits: if ip.is_ipv4() { bits.min(32) } else { bits } }
}

/// As `packet` has them, and a few others.
fn address(input: &mut Input) -> IpAddr {
    let (a, b) = (input.byte(), input.byte());
    match a & 3 {
        0 => Ipv4Addr::new(10, 1, a >> 2 & 1, b & 3).into(),
        1 => Ipv6Addr::new(0xfd7a, 0, 0, 0, 0, 0, u16::from(a >> 2 & 1), u16::from(b & 3)).into(),
        2 => Ipv4Addr::new(10, b, 0, 1).into(),
        _ => Ipv6Addr::new(0xfd7a, u16::from(b), 0, 0, 0, 0, 0, 1).into(),
    }
}

/// What the rules mean, one after another.
fn plainly(policy: &Policy, source: IpAddr, destination: IpAddr, protocol: u8, port: u16) -> Found {
    let mut near = Found::Nothing;
    for (i, spec) in policy.rules.iter().enumerate() {
        let targets = spec.destinations.iter().filter(|target| target.prefix.holds(destination));
        if !policy.sources[spec.sources].iter().any(|prefix| prefix.holds(source)) || targets.clone().next().is_none() {
            continue;
        }
        let is_listed = if spec.protocols.is_empty() {
            matches!(protocol, 1 | 6 | 17 | 58)
        } else {
            spec.protocols.contains(&protocol)
        };
        let is_open = |target: &Target| match protocol {
            1 | 58 => true,
            6 | 17 | 132 => is_listed && target.first <= port && port <= target.last,
            _ => is_listed && (target.first, target.last) == (0, 65_535),
        };
        if targets.clone().any(is_open) {
            return Found::Rule(i as u32);
        }
        if near == Found::Nothing {
            near = Found::NearMiss(i as u32);
        }
    }
    near
}
