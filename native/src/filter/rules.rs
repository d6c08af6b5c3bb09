//! Finds the first rule that lets a packet in (data-plane.md §4.8): by its source, and then remembered per flow.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::transport::Transport;
use crate::inner::{ICMP, ICMPV6, SCTP, TCP, UDP};
use crate::table::{Prefix, PrefixTable};

/// What peers may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSpec {
    /// IP protocols; none = TCP, UDP, ICMP and ICMPv6.
    pub protocols: Vec<u8>,
    /// Networks that may send.
    pub sources: Vec<Prefix>,
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
    specs: Vec<Compiled>,
    /// Number of a list of rules, by prefix; of all prefixes that hold an address, all lists count.
    sources: PrefixTable<u32>,
    /// Ascending numbers of rules.
    lists: Vec<Vec<u32>>,
    passed: Vec<AtomicU64>,
    near_misses: Vec<AtomicU64>,
}

struct Compiled {
    /// One bit per protocol.
    protocols: [u64; 4],
    targets: Vec<Target>,
}

impl Rules {
    /// Makes rules ready; their counts begin at zero.
    pub fn compile(specs: &[RuleSpec]) -> Self {
        let mut sources = PrefixTable::default();
        let mut lists: Vec<Vec<u32>> = Vec::new();
        let mut numbers: HashMap<(u128, u8, bool), u32> = HashMap::new();
        for (rule, spec) in specs.iter().enumerate() {
            for prefix in &spec.sources {
                let shift = 128 - u32::from(prefix.bits);
                let masked = crate::table::key(prefix.ip).checked_shr(shift).unwrap_or(0);
                let number = *numbers.entry((masked, prefix.bits, prefix.ip.is_ipv6())).or_insert_with(|| {
                    lists.push(Vec::new());
                    sources.set(*prefix, (lists.len() - 1) as u32);
                    (lists.len() - 1) as u32
                });
                let list = &mut lists[number as usize];
                if list.last() != Some(&(rule as u32)) {
                    list.push(rule as u32);
                }
            }
        }
        let zeros = || specs.iter().map(|_| AtomicU64::new(0)).collect();
        Self { specs: specs.iter().map(Compiled::of).collect(), sources, lists, passed: zeros(), near_misses: zeros() }
    }

    /// The first rule that fits, else the first whose addresses do.
    pub fn find(&self, source: IpAddr, destination: IpAddr, protocol: u8, port: u16) -> Found {
        let mut best = u32::MAX;
        let mut near = u32::MAX;
        self.sources.walk(source, |list, _| {
            for &rule in &self.lists[list as usize] {
                if rule >= best {
                    break;
                }
                match self.specs[rule as usize].judge(destination, protocol, port) {
                    Fit::All => {
                        best = rule;
                        break;
                    }
                    Fit::Address => near = near.min(rule),
                    Fit::Nothing => {}
                }
            }
        });
        match (best, near) {
            (u32::MAX, u32::MAX) => Found::Nothing,
            (u32::MAX, near) => Found::NearMiss(near),
            (best, _) => Found::Rule(best),
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

enum Fit {
    All,
    Address,
    Nothing,
}

impl Compiled {
    fn of(spec: &RuleSpec) -> Self {
        let defaults = [TCP, UDP, ICMP, ICMPV6];
        let chosen = if spec.protocols.is_empty() { &defaults[..] } else { &spec.protocols };
        let mut protocols = [0; 4];
        for protocol in chosen {
            protocols[usize::from(protocol >> 6)] |= 1 << (protocol & 63);
        }
        Self { protocols, targets: spec.destinations.clone() }
    }

    fn judge(&self, destination: IpAddr, protocol: u8, port: u16) -> Fit {
        let has_protocol = self.protocols[usize::from(protocol >> 6)] >> (protocol & 63) & 1 == 1;
        let mut fit = Fit::Nothing;
        for target in self.targets.iter().filter(|target| target.prefix.holds(destination)) {
            let is_open = match protocol {
                // Any rule for the addresses lets ICMP in.
                ICMP | ICMPV6 => true,
                TCP | UDP | SCTP => has_protocol && (target.first..=target.last).contains(&port),
                _ => has_protocol && target.first == 0 && target.last == u16::MAX,
            };
            if is_open {
                return Fit::All;
            }
            fit = Fit::Address;
        }
        fit
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
    fn plainly(specs: &[RuleSpec], source: IpAddr, destination: IpAddr, protocol: u8, port: u16) -> Found {
        let mut near = Found::Nothing;
        for (i, spec) in specs.iter().enumerate() {
            if !spec.sources.iter().any(|prefix| prefix.holds(source)) {
                continue;
            }
            match Compiled::of(spec).judge(destination, protocol, port) {
                Fit::All => return Found::Rule(i as u32),
                Fit::Address if near == Found::Nothing => near = Found::NearMiss(i as u32),
                _ => {}
            }
        }
        near
    }

    #[test]
    fn agrees_with_looking_at_each_rule() {
        let mut random = Random::new(3);
        for _ in 0..200 {
            let specs: Vec<RuleSpec> = (0..random.below(12))
                .map(|_| RuleSpec {
                    protocols: [vec![], vec![6], vec![17, 132], vec![47]][random.below(4)].clone(),
                    sources: (0..1 + random.below(3)).map(|_| prefix(&mut random)).collect(),
                    destinations: (0..1 + random.below(2))
                        .map(|_| {
                            let (first, last) = [(0, 65_535), (22, 22), (80, 90)][random.below(3)];
                            Target { prefix: prefix(&mut random), first, last }
                        })
                        .collect(),
                })
                .collect();
            let rules = Rules::compile(&specs);
            for _ in 0..100 {
                let (source, destination) = (prefix(&mut random).ip, prefix(&mut random).ip);
                let protocol = [1, 6, 17, 47, 58, 132][random.below(6)];
                let port = [22, 80, 85, 443][random.below(4)];
                let expected = plainly(&specs, source, destination, protocol, port);
                assert_eq!(rules.find(source, destination, protocol, port), expected);
            }
        }
    }
}
