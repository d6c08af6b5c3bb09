//! Which entries the rules have for an address: prefixes that bring the same entries share one list of them.

use std::net::IpAddr;

use crate::hash::QuickMap;
use crate::table::{Prefix, PrefixTable};

const NONE: u32 = u32::MAX;

/// Prefixes and the entries that each brings.
pub struct PrefixSets {
    table: PrefixTable<u32>,
    lists: Vec<Box<[u32]>>,
}

impl PrefixSets {
    /// For every prefix that holds the address, its entries, ascending.
    pub fn walk<'a>(&'a self, ip: IpAddr, mut visit: impl FnMut(&'a [u32])) {
        self.table.walk(ip, |list| visit(&self.lists[list as usize]));
    }
}

/// Gathers prefixes. Entries come in groups, as rules name the same thousands of machines over and over.
#[derive(Default)]
pub struct Gathering {
    chains: QuickMap<(u128, u8, bool), (Prefix, u32)>,
    /// A group, and the chain that it follows.
    links: Vec<(u32, u32)>,
    known: QuickMap<(u32, u32), u32>,
}

impl Gathering {
    /// A prefix brings the entries of a group, too. Groups come in ascending order.
    pub fn add(&mut self, prefix: &Prefix, group: u32) {
        let prefix = prefix.masked();
        let name = (crate::table::key(prefix.ip), prefix.bits, prefix.ip.is_ipv6());
        let (_, chain) = self.chains.entry(name).or_insert((prefix, NONE));
        if self.links.get(*chain as usize).is_some_and(|(last, _)| *last == group) {
            return;
        }
        let links = &mut self.links;
        *chain = *self.known.entry((group, *chain)).or_insert_with_key(|link| {
            links.push(*link);
            (links.len() - 1) as u32
        });
    }

    /// `entries` are those of each group, ascending.
    pub fn finish(self, entries: &[Vec<u32>]) -> PrefixSets {
        let mut sets = PrefixSets { table: PrefixTable::default(), lists: Vec::new() };
        let mut made: QuickMap<u32, u32> = QuickMap::default();
        for (prefix, chain) in self.chains.into_values() {
            let list = *made.entry(chain).or_insert_with(|| {
                sets.lists.push(all_of(&self.links, chain, entries));
                (sets.lists.len() - 1) as u32
            });
            sets.table.set(prefix, list);
        }
        sets
    }
}

fn all_of(links: &[(u32, u32)], chain: u32, entries: &[Vec<u32>]) -> Box<[u32]> {
    let mut all = Vec::new();
    let mut at = chain;
    while let Some((group, before)) = links.get(at as usize) {
        all.extend_from_slice(&entries[*group as usize]);
        at = *before;
    }
    all.sort_unstable();
    all.into_boxed_slice()
}

/// Shows entries that both lists have, ascending, until `is_enough` says so.
pub fn common(a: &[u32], b: &[u32], mut is_enough: impl FnMut(u32) -> bool) {
    let (mut i, mut j) = (0, 0);
    while let (Some(&x), Some(&y)) = (a.get(i), b.get(j)) {
        if x < y {
            i = seek(a, i, y);
        } else if y < x {
            j = seek(b, j, x);
        } else if is_enough(x) {
            return;
        } else {
            i += 1;
            j += 1;
        }
    }
}

/// Where the first entry after `at` is that is not below `wanted`: in strides that double, so that what is near is found at
/// once, and what is far in few steps.
fn seek(list: &[u32], at: usize, wanted: u32) -> usize {
    let mut stride = 1;
    while list.get(at + stride).is_some_and(|&entry| entry < wanted) {
        stride *= 2;
    }
    let from = at + stride / 2;
    let to = list.len().min(at + stride + 1);
    from + list[from..to].partition_point(|&entry| entry < wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn common_entries_are_those_of_both() {
        let mut random = Random::new(12);
        for _ in 0..2_000 {
            let mut list = |most: usize| -> Vec<u32> {
                let density = 1 + random.below(9);
                (0..random.below(most) as u32).filter(|_| random.below(10) < density).collect()
            };
            let (few, many) = (list(20), list(300));
            let (a, b) = if random.below(2) == 0 { (few, many) } else { (many, few) };
            let expected: Vec<u32> = a.iter().copied().filter(|entry| b.contains(entry)).collect();
            let mut found = Vec::new();
            common(&a, &b, |entry| {
                found.push(entry);
                false
            });
            assert_eq!(found, expected);
        }
    }
}
