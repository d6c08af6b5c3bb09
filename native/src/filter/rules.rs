//! Finds the first rule that lets a packet in (data-plane.md §4.8): among those that have both of its addresses, and then
//! remembered per flow.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::sets::{Gathering, PrefixSets, common};
use super::transport::Transport;
use crate::inner::{ICMP, ICMPV6, SCTP, TCP, UDP};
use crate::table::Prefix;

/// All that peers may begin.
#[derive(Debug, Default)]
pub struct Policy {
    /// Lists of networks that may send.
    pub sources: Vec<Vec<Prefix>>,
    /// In their order.
    pub rules: Vec<RuleSpec>,
}

/// What some of them may begin.
#[derive(Debug)]
pub struct RuleSpec {
    /// IP protocols; none = TCP, UDP, ICMP and ICMPv6.
    pub protocols: Vec<u8>,
    /// Number of the list of networks that may send.
    pub sources: usize,
    /// Networks and ranges of ports that may be sent to.
    pub destinations: Vec<Target>,
}

/// Ports from `first` to `last` of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whose ports.
    pub prefix: Prefix,
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
}

/// What became of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// This rule lets it in.
    Rule(u32),
    /// The addresses fit this rule, the protocol or the port did not.
    NearMiss(u32),
    /// No rule has both addresses.
    Nothing,
}

/// All rules, compiled, with a count of what each did.
pub struct Rules {
    /// One per rule and destination, in the order of the rules.
    entries: Vec<Entry>,
    sources: PrefixSets,
    targets: PrefixSets,
    passed: Vec<AtomicU64>,
    near_misses: Vec<AtomicU64>,
}

struct Entry {
    rule: u32,
    first: u16,
    last: u16,
    /// One bit per protocol.
    protocols: [u64; 4],
}

impl Rules {
    /// Makes rules ready; their counts begin at zero. Lists of sources that a rule names are there.
    pub fn compile(policy: &Policy) -> Self {
        let mut entries = Vec::new();
        let mut targets = Gathering::default();
        let mut of_list: Vec<Vec<u32>> = vec![Vec::new(); policy.sources.len()];
        for (rule, spec) in policy.rules.iter().enumerate() {
            let protocols = protocol_bits(&spec.protocols);
            for &Target { ref prefix, first, last } in &spec.destinations {
                let number = entries.len() as u32;
                entries.push(Entry { rule: rule as u32, first, last, protocols });
                targets.add(prefix, number);
                of_list[spec.sources].push(number);
            }
        }
        let mut sources = Gathering::default();
        for (list, prefixes) in policy.sources.iter().enumerate() {
            for prefix in prefixes {
                sources.add(prefix, list as u32);
            }
        }
        let alone: Vec<Vec<u32>> = (0..entries.len() as u32).map(|entry| vec![entry]).collect();
        let zeros = || policy.rules.iter().map(|_| AtomicU64::new(0)).collect();
        Self {
            entries,
            sources: sources.finish(&of_list),
            targets: targets.finish(&alone),
            passed: zeros(),
            near_misses: zeros(),
        }
    }

    /// The first rule that fits, else the first whose addresses do.
    pub fn find(&self, source: IpAddr, destination: IpAddr, protocol: u8, port: u16) -> Found {
        let mut best = NONE;
        let mut near = NONE;
        self.targets.walk(destination, |to| {
            self.sources.walk(source, |from| {
                common(from, to, |entry| {
                    if entry < best && self.entries[entry as usize].is_open(protocol, port) {
                        best = entry;
                    } else {
                        near = near.min(entry);
                    }
                    entry >= best
                });
            });
        });
        match (best, near) {
            (NONE, NONE) => Found::Nothing,
            (NONE, near) => Found::NearMiss(self.entries[near as usize].rule),
            (best, _) => Found::Rule(self.entries[best as usize].rule),
        }
    }

    /// Counts what became of a packet.
    pub fn count(&self, found: Found) {
        match found {
            Found::Rule(rule) => self.passed[rule as usize].fetch_add(1, Ordering::Relaxed),
            Found::NearMiss(rule) => self.near_misses[rule as usize].fetch_add(1, Ordering::Relaxed),
            Found::Nothing => 0,
        };
    }

    /// What each rule let in, and what only its protocol or port kept out.
    pub fn counts(&self) -> impl Iterator<Item = (u64, u64)> {
        let read = |one: &AtomicU64| one.load(Ordering::Relaxed);
        self.passed.iter().zip(&self.near_misses).map(move |(passed, near)| (read(passed), read(near)))
    }
}

const NONE: u32 = u32::MAX;

fn protocol_bits(chosen: &[u8]) -> [u64; 4] {
    let defaults = [TCP, UDP, ICMP, ICMPV6];
    let mut bits = [0; 4];
    for protocol in if chosen.is_empty() { &defaults[..] } else { chosen } {
        bits[usize::from(protocol >> 6)] |= 1 << (protocol & 63);
    }
    bits
}

impl Entry {
    /// For a packet whose addresses fit.
    fn is_open(&self, protocol: u8, port: u16) -> bool {
        let has_protocol = self.protocols[usize::from(protocol >> 6)] >> (protocol & 63) & 1 == 1;
        match protocol {
            // Any rule for the addresses lets ICMP in.
            ICMP | ICMPV6 => true,
            TCP | UDP | SCTP => has_protocol && (self.first..=self.last).contains(&port),
            _ => has_protocol && self.first == 0 && self.last == u16::MAX,
        }
    }
}

const CACHED: usize = 256;

/// Verdicts on flows that were asked for lately; of one thread.
pub struct VerdictCache(Box<[Option<Cached>]>);

#[derive(Clone, Copy)]
struct Cached {
    generation: u64,
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    port: u16,
    found: Found,
}

impl Default for VerdictCache {
    fn default() -> Self {
        Self(vec![None; CACHED].into_boxed_slice())
    }
}

impl VerdictCache {
    /// The remembered verdict, or a new one.
    pub fn get(
        &mut self,
        generation: u64,
        source: IpAddr,
        destination: IpAddr,
        transport: &Transport,
        find: impl FnOnce() -> Found,
    ) -> Found {
        let (protocol, port) = (transport.protocol, transport.destination_port);
        let slot = &mut self.0[slot_of(source, destination, protocol, port)];
        if let Some(known) = slot {
            let is_same = known.generation == generation
                && known.port == port
                && known.protocol == protocol
                && known.source == source
                && known.destination == destination;
            if is_same {
                return known.found;
            }
        }
        let found = find();
        *slot = Some(Cached { generation, source, destination, protocol, port, found });
        found
    }
}

/// Whoever makes two flows share a place only slows their own down.
fn slot_of(source: IpAddr, destination: IpAddr, protocol: u8, port: u16) -> usize {
    let fold = |ip: IpAddr| {
        let key = crate::table::key(ip);
        (key >> 64) as u64 ^ key as u64
    };
    let mixed = fold(source) ^ fold(destination).rotate_left(23) ^ u64::from(port) << 8 ^ u64::from(protocol);
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize % CACHED
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::testing::Random;

    fn prefix(random: &mut Random) -> Prefix {
        let ip = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | random.next() as u32 & 0x303));
        Prefix { ip, bits: [0, 8, 24, 30, 32][random.below(5)] }
    }

    /// What the rules mean, one after another.
    fn plainly(policy: &Policy, source: IpAddr, destination: IpAddr, protocol: u8, port: u16) -> Found {
        let mut near = Found::Nothing;
        for (i, spec) in policy.rules.iter().enumerate() {
            if !policy.sources[spec.sources].iter().any(|prefix| prefix.holds(source)) {
                continue;
            }
            for target in spec.destinations.iter().filter(|target| target.prefix.holds(destination)) {
                let protocols = protocol_bits(&spec.protocols);
                let entry = Entry { rule: i as u32, first: target.first, last: target.last, protocols };
                if entry.is_open(protocol, port) {
                    return Found::Rule(i as u32);
                }
                if near == Found::Nothing {
                    near = Found::NearMiss(i as u32);
                }
            }
        }
        near
    }

    #[test]
    fn agrees_with_looking_at_each_rule() {
        let mut random = Random::new(3);
        for _ in 0..400 {
            let mut list = || (0..random.below(4)).map(|_| prefix(&mut random)).collect();
            let sources: Vec<Vec<Prefix>> = (0..3).map(|_| list()).collect();
            let rules = (0..random.below(16))
                .map(|_| RuleSpec {
                    protocols: [vec![], vec![6], vec![17, 132], vec![47]][random.below(4)].clone(),
                    sources: random.below(3),
                    destinations: (0..1 + random.below(2))
                        .map(|_| {
                            let (first, last) = [(0, 65_535), (22, 22), (80, 90)][random.below(3)];
                            Target { prefix: prefix(&mut random), first, last }
                        })
                        .collect(),
                })
                .collect();
            let policy = Policy { sources, rules };
            let rules = Rules::compile(&policy);
            for _ in 0..100 {
                let (source, destination) = (prefix(&mut random).ip, prefix(&mut random).ip);
                let protocol = [1, 6, 17, 47, 58, 132][random.below(6)];
                let port = [22, 80, 85, 443][random.below(4)];
                let expected = plainly(&policy, source, destination, protocol, port);
                assert_eq!(rules.find(source, destination, protocol, port), expected);
            }
        }
    }
}
