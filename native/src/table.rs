//! Longest-prefix match: single addresses, which most prefixes are, in a map; the others in a path-compressed binary trie
//! per IP version, in one vector of nodes.

use std::net::IpAddr;

use crate::hash::QuickMap;

const NONE: u32 = u32::MAX;

/// A network: an address of which the first `bits` count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// The address; bits beyond `bits` may have any value.
    pub ip: IpAddr,
    /// How many bits count, 0 to 32 or 128.
    pub bits: u8,
}

impl Prefix {
    /// Undefined when the length does not fit the address.
    pub fn new(ip: IpAddr, bits: u8) -> Option<Self> {
        (bits <= if ip.is_ipv4() { 32 } else { 128 }).then_some(Self { ip, bits })
    }

    /// The same without the bits that do not count.
    pub fn masked(&self) -> Self {
        let masked = key(self.ip) & mask(self.bits);
        let ip = match self.ip {
            IpAddr::V4(_) => IpAddr::V4(((masked >> 96) as u32).into()),
            IpAddr::V6(_) => IpAddr::V6(masked.into()),
        };
        Self { ip, bits: self.bits }
    }

    fn is_host(&self) -> bool {
        self.bits == width(self.ip)
    }

    /// Whether an address lies in this network.
    pub fn holds(&self, ip: IpAddr) -> bool {
        self.ip.is_ipv4() == ip.is_ipv4() && (key(self.ip) ^ key(ip)) & mask(self.bits) == 0
    }
}

/// The address's bits, the first one on top.
pub fn key(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()) << 96,
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn width(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn mask(bits: u8) -> u128 {
    if bits == 0 { 0 } else { u128::MAX << (128 - u32::from(bits)) }
}

struct Node<T> {
    key: u128,
    bits: u8,
    value: Option<T>,
    /// Nodes below, by the bit that follows.
    below: [u32; 2],
}

/// Prefixes of both IP versions and what each stands for.
pub struct PrefixTable<T> {
    hosts_v4: QuickMap<u32, T>,
    hosts_v6: QuickMap<u128, T>,
    nodes: Vec<Node<T>>,
    free: Vec<u32>,
    roots: [u32; 2],
}

impl<T> Default for PrefixTable<T> {
    fn default() -> Self {
        Self {
            hosts_v4: QuickMap::default(),
            hosts_v6: QuickMap::default(),
            nodes: Vec::new(),
            free: Vec::new(),
            roots: [NONE; 2],
        }
    }
}

impl<T: Copy> PrefixTable<T> {
    /// Puts a prefix in, or gives it another value.
    pub fn set(&mut self, prefix: Prefix, value: T) {
        match prefix.ip {
            IpAddr::V4(ip) if prefix.is_host() => drop(self.hosts_v4.insert(ip.to_bits(), value)),
            IpAddr::V6(ip) if prefix.is_host() => drop(self.hosts_v6.insert(ip.to_bits(), value)),
            ip => {
                let root = usize::from(ip.is_ipv6());
                let key = key(ip) & mask(prefix.bits);
                self.roots[root] = self.insert(self.roots[root], key, prefix.bits, value);
            }
        }
    }

    /// Takes a prefix out.
    pub fn delete(&mut self, prefix: Prefix) {
        match prefix.ip {
            IpAddr::V4(ip) if prefix.is_host() => drop(self.hosts_v4.remove(&ip.to_bits())),
            IpAddr::V6(ip) if prefix.is_host() => drop(self.hosts_v6.remove(&ip.to_bits())),
            ip => {
                let root = usize::from(ip.is_ipv6());
                let key = key(ip) & mask(prefix.bits);
                self.roots[root] = self.remove(self.roots[root], key, prefix.bits);
            }
        }
    }

    /// What the longest prefix that holds the address stands for, and its length.
    pub fn find(&self, ip: IpAddr) -> Option<(T, u8)> {
        if let Some(value) = self.host(ip) {
            return Some((value, width(ip)));
        }
        let mut found = None;
        self.walk_networks(ip, |value, bits| found = Some((value, bits)));
        found
    }

    /// What the longest prefix that holds the address stands for.
    pub fn lookup(&self, ip: IpAddr) -> Option<T> {
        self.find(ip).map(|(value, _)| value)
    }

    /// What every prefix that holds the address stands for, the shortest first.
    pub fn walk(&self, ip: IpAddr, mut visit: impl FnMut(T)) {
        self.walk_networks(ip, |value, _| visit(value));
        if let Some(value) = self.host(ip) {
            visit(value);
        }
    }

    fn host(&self, ip: IpAddr) -> Option<T> {
        match ip {
            IpAddr::V4(ip) => self.hosts_v4.get(&ip.to_bits()).copied(),
            IpAddr::V6(ip) => self.hosts_v6.get(&ip.to_bits()).copied(),
        }
    }

    fn walk_networks(&self, ip: IpAddr, mut visit: impl FnMut(T, u8)) {
        let wanted = key(ip);
        let mut at = self.roots[usize::from(ip.is_ipv6())];
        while let Some(node) = self.nodes.get(at as usize) {
            if (node.key ^ wanted) & mask(node.bits) != 0 {
                return;
            }
            if let Some(value) = node.value {
                visit(value, node.bits);
            }
            // Whole addresses have no node: a bit follows.
            at = node.below[bit(wanted, node.bits)];
        }
    }

    fn insert(&mut self, at: u32, key: u128, bits: u8, value: T) -> u32 {
        let Some(node) = self.nodes.get(at as usize) else { return self.add(key, bits, Some(value)) };
        let common = ((node.key ^ key).leading_zeros() as u8).min(node.bits).min(bits);
        if common < node.bits {
            let old = bit(node.key, common);
            let parent = self.add(key & mask(common), common, (common == bits).then_some(value));
            self.nodes[parent as usize].below[old] = at;
            if common < bits {
                let leaf = self.add(key, bits, Some(value));
                self.nodes[parent as usize].below[1 - old] = leaf;
            }
            return parent;
        }
        if bits == node.bits {
            self.nodes[at as usize].value = Some(value);
        } else {
            let side = bit(key, node.bits);
            let below = self.insert(node.below[side], key, bits, value);
            self.nodes[at as usize].below[side] = below;
        }
        at
    }

    fn remove(&mut self, at: u32, key: u128, bits: u8) -> u32 {
        let Some(node) = self.nodes.get(at as usize) else { return NONE };
        if bits < node.bits || (node.key ^ key) & mask(node.bits) != 0 {
            return at;
        }
        if bits == node.bits {
            self.nodes[at as usize].value = None;
        } else {
            let side = bit(key, node.bits);
            let below = self.remove(node.below[side], key, bits);
            self.nodes[at as usize].below[side] = below;
        }
        let node = &self.nodes[at as usize];
        match (&node.value, node.below) {
            (None, [NONE, other]) | (None, [other, NONE]) => {
                self.free.push(at);
                other
            }
            _ => at,
        }
    }

    fn add(&mut self, key: u128, bits: u8, value: Option<T>) -> u32 {
        let node = Node { key, bits, value, below: [NONE; 2] };
        if let Some(at) = self.free.pop() {
            self.nodes[at as usize] = node;
            return at;
        }
        self.nodes.push(node);
        (self.nodes.len() - 1) as u32
    }
}

fn bit(key: u128, at: u8) -> usize {
    (key >> (127 - u32::from(at)) & 1) as usize
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::testing::Random;

    fn address(random: &mut Random) -> IpAddr {
        // Few bits vary, so that prefixes lie within each other.
        if random.below(2) == 0 {
            IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | random.next() as u32 & 0xc003_0303))
        } else {
            IpAddr::V6(Ipv6Addr::from_bits(0xfd7a << 112 | u128::from(random.next() & 0xc003_0003_0000_0303)))
        }
    }

    #[test]
    fn agrees_with_looking_at_every_prefix() {
        let mut random = Random::new(11);
        for _ in 0..60 {
            let mut table = PrefixTable::default();
            let mut all: Vec<(Prefix, u32)> = Vec::new();
            for value in 0..120 {
                let ip = address(&mut random);
                let most = if ip.is_ipv4() { 32 } else { 128 };
                let Some(prefix) = Prefix::new(ip, random.below(most + 1) as u8) else { panic!("fits") };
                let same = |other: &Prefix| other.bits == prefix.bits && prefix.holds(other.ip);
                all.retain(|(other, _)| !same(other));
                if random.below(4) == 0 {
                    table.delete(prefix);
                } else {
                    table.set(prefix, value);
                    all.push((prefix, value));
                }
                for _ in 0..20 {
                    let ip = address(&mut random);
                    let longest = all.iter().filter(|(p, _)| p.holds(ip)).max_by_key(|(p, _)| p.bits);
                    assert_eq!(table.find(ip), longest.map(|(p, value)| (*value, p.bits)));
                    let mut held: Vec<&(Prefix, u32)> = all.iter().filter(|(p, _)| p.holds(ip)).collect();
                    held.sort_by_key(|(p, _)| p.bits);
                    let mut walked = Vec::new();
                    table.walk(ip, |value| walked.push(value));
                    assert_eq!(walked, held.iter().map(|(_, value)| *value).collect::<Vec<_>>());
                }
            }
            for (prefix, _) in &all {
                table.delete(*prefix);
            }
            assert_eq!(table.roots, [NONE; 2]);
            assert_eq!(table.free.len(), table.nodes.len());
            assert_eq!(table.hosts_v4.len() + table.hosts_v6.len(), 0);
        }
    }

    #[test]
    fn refuses_lengths_that_do_not_fit() {
        assert!(Prefix::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 33).is_none());
        assert!(Prefix::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 129).is_none());
    }
}
