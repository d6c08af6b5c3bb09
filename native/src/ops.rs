//! Control operations as bytes: `u16` number, `u16` flags, `u32` length, then what the number says (data-plane.md §4.5).

use crate::codec::Reader;
use crate::filter::rules::{Policy, RuleSpec, Target};
use crate::flags::Flags;
use crate::peer::{Mode, Path, Place};
use crate::table::Prefix;

use std::net::SocketAddr;

/// Which networks are whose.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct LocalIps {
    pub own: Vec<Prefix>,
    pub service: Vec<Prefix>,
    pub forwarded: Vec<Prefix>,
    pub beside: Vec<Prefix>,
}

/// Keys of a finished handshake, borrowed from the batch.
#[allow(missing_docs)]
pub struct NewKeypair<'a> {
    pub peer: u32,
    pub is_initiator: bool,
    pub local_index: u32,
    pub remote_index: u32,
    pub send_key: &'a [u8; 32],
    pub receive_key: &'a [u8; 32],
    /// Engine clock ms.
    pub created_ms: u64,
    /// Inner packet to send before anything staged.
    pub first_packet: Option<&'a [u8]>,
}

/// Who plays a side of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Side {
    None,
    System,
    Ring,
}

/// How to start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Towards the host.
    pub host: Side,
    /// Towards peers.
    pub wire: Side,
    /// Largest inner packet.
    pub mtu: u32,
    /// Of the sockets.
    pub binding: Binding,
    /// Handshakes in waiting from which cookies are asked for.
    pub under_load: Option<u32>,
    /// One packet at a time, though the system can do more.
    pub is_plain: bool,
    /// For each way; 0 = as many as are right for this machine.
    pub threads: u32,
    /// Interface name.
    pub name: String,
}

/// Where sockets are bound and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// 0 = any.
    pub port: u16,
    /// What keeps datagrams out of our own tunnel: a mark on Linux (SO_MARK), elsewhere the index of the interface by which
    /// they leave (IP_BOUND_IF, IP_UNICAST_IF).
    pub mark: Option<u32>,
    /// Too long datagrams fail instead of being cut.
    pub dont_fragment: bool,
}

/// What of a binding changes; none = as it was.
#[derive(Clone, Copy, Debug)]
pub struct Rebind {
    /// 0 = any.
    pub port: u16,
    /// As in `Binding`.
    pub mark: Option<u32>,
    /// Too long datagrams fail instead of being cut.
    pub dont_fragment: Option<bool>,
}

/// One operation; see `EngineOp` in `engine/types.ts`.
#[allow(missing_docs)]
pub enum Op<'a> {
    SetIdentity(&'a [u8; 32]),
    PeerAdd {
        peer: u32,
        public_key: &'a [u8; 32],
        is_jailed: bool,
        is_wireguard_only: bool,
    },
    PeerDel(u32),
    RoutesSet(Vec<(Prefix, u32)>),
    RoutesChange {
        remove: Vec<Prefix>,
        add: Vec<(Prefix, u32)>,
    },
    InstallKeypair(NewKeypair<'a>),
    PendingAdd {
        index: u32,
        peer: u32,
    },
    PendingDel(u32),
    /// 0 = of all peers.
    EraseKeys(u32),
    EraseOlderKeys {
        peer: u32,
        created_before_ms: u64,
    },
    ExpireSend(u32),
    DropStaged(u32),
    PathSet {
        peer: u32,
        path: Path,
    },
    PeerHeard {
        peer: u32,
        place: Place,
    },
    SendKeepalive(u32),
    FilterSet(Option<Policy>),
    TcpOpen(Vec<SocketAddr>),
    LocalIps(LocalIps),
    Bind(Rebind),
    Flags(Flags),
    SocketOpen {
        socket: u32,
        is_ipv6: bool,
    },
    SocketClose(u32),
    /// Drops what waited for a path for too long.
    ExpireHeld,
    /// Packets are shown from now on, or no more.
    Capture(bool),
    /// It is this time until the next such operation; the engine's own clock rests.
    Clock(u64),
    /// The engine's own clock goes, from this time on.
    RunClock(u64),
    /// For the next start.
    Configure(Config),
}

/// Reads a whole batch; none when any byte of it is wrong.
pub fn read(bytes: &[u8]) -> Option<Vec<Op<'_>>> {
    let mut from = Reader::new(bytes);
    let mut ops = Vec::new();
    while !from.is_done() {
        let (number, flags, length) = (from.u16()?, from.u16()?, from.u32()?);
        let mut payload = Reader::new(from.take(length as usize)?);
        ops.push(read_one(number, flags, &mut payload)?);
        if !payload.is_done() {
            return None;
        }
    }
    Some(ops)
}

fn read_one<'a>(number: u16, flags: u16, from: &mut Reader<'a>) -> Option<Op<'a>> {
    Some(match number {
        1 => Op::SetIdentity(key(from)?),
        2 => {
            let (peer, bits) = (from.u32()?, from.u32()?);
            let public_key = key(from)?;
            Op::PeerAdd { peer, public_key, is_jailed: bits & 1 != 0, is_wireguard_only: bits & 2 != 0 }
        }
        3 => Op::PeerDel(from.u32()?),
        4 => Op::RoutesSet(routes(from)?),
        5 => Op::InstallKeypair(keypair(flags, from)?),
        6 => Op::PendingAdd { index: from.u32()?, peer: from.u32()? },
        7 => Op::PendingDel(from.u32()?),
        8 => Op::EraseKeys(from.u32()?),
        9 => Op::ExpireSend(from.u32()?),
        10 => path(from)?,
        11 => Op::SendKeepalive(from.u32()?),
        12 => Op::FilterSet(if flags & 1 != 0 { None } else { Some(rules(from)?) }),
        13 => local_ips(from)?,
        14 => {
            let (port, bits, mark) = (from.u32()?, from.u32()?, from.u32()?);
            Op::Bind(Rebind {
                port: port.try_into().ok()?,
                mark: (bits & 1 != 0).then_some(mark),
                dont_fragment: (bits & 2 != 0).then_some(bits & 4 != 0),
            })
        }
        15 => Op::Flags(Flags::read(from.u32()?)?),
        17 => Op::Capture(from.u32()? != 0),
        20 => {
            let count = from.u32()?;
            let remove = prefixes(from, count)?;
            Op::RoutesChange { remove, add: routes(from)? }
        }
        21 => Op::EraseOlderKeys { peer: from.u32()?, created_before_ms: from.u64()? },
        22 => Op::DropStaged(from.u32()?),
        23 => {
            let (peer, via) = (from.u32()?, from.u32()?);
            Op::PeerHeard { peer, place: Place { to: from.address()??, via } }
        }
        24 => {
            let mut open = Vec::new();
            while !from.is_done() {
                open.push(from.address()??);
            }
            Op::TcpOpen(open)
        }
        25 => Op::SocketOpen { socket: from.u32()?, is_ipv6: from.u32()? == 6 },
        26 => Op::SocketClose(from.u32()?),
        27 => Op::ExpireHeld,
        28 => Op::Configure(config(from)?),
        29 => Op::Clock(from.u64()?),
        30 => Op::RunClock(from.u64()?),
        _ => return None,
    })
}

fn key<'a>(from: &mut Reader<'a>) -> Option<&'a [u8; 32]> {
    from.take(32)?.try_into().ok()
}

fn prefixes(from: &mut Reader, count: u32) -> Option<Vec<Prefix>> {
    (0..count).map(|_| from.prefix()).collect()
}

fn routes(from: &mut Reader) -> Option<Vec<(Prefix, u32)>> {
    let mut routes = Vec::new();
    while !from.is_done() {
        routes.push((from.prefix()?, from.u32()?));
    }
    Some(routes)
}

fn keypair<'a>(flags: u16, from: &mut Reader<'a>) -> Option<NewKeypair<'a>> {
    let (peer, role, local_index, remote_index) = (from.u32()?, from.u32()?, from.u32()?, from.u32()?);
    let (send_key, receive_key, created_ms) = (key(from)?, key(from)?, from.u64()?);
    let first = from.rest();
    Some(NewKeypair {
        peer,
        is_initiator: role == 0,
        local_index,
        remote_index,
        send_key,
        receive_key,
        created_ms,
        first_packet: (flags & 1 != 0 && first.len() <= crate::limits::MAX_PACKET).then_some(first),
    })
}

fn path<'a>(from: &mut Reader<'a>) -> Option<Op<'a>> {
    let (peer, mode, bits) = (from.u32()?, from.u32()?, from.u32()?);
    let (region, via, until) = (from.u32()?, from.u32()?, from.u64()?);
    let to = from.address()?;
    let mode = match mode {
        0 => Mode::None,
        1 => Mode::Direct,
        2 => Mode::DirectAndRelay,
        3 => Mode::Relay,
        _ => return None,
    };
    let direct = to.map(|to| Place { to, via });
    let path = Path {
        mode,
        direct,
        relay: (bits & 1 != 0).then_some(region),
        valid_until_ms: (bits & 2 != 0).then_some(until),
    };
    Some(Op::PathSet { peer, path })
}

/// Lists of sources come once, and rules name them by number.
fn rules(from: &mut Reader) -> Option<Policy> {
    let lists = from.u32()?;
    let sources: Vec<Vec<Prefix>> = (0..lists)
        .map(|_| {
            let count = from.u32()?;
            prefixes(from, count)
        })
        .collect::<Option<_>>()?;
    let count = from.u32()?;
    let rules = (0..count)
        .map(|_| {
            let (list, protocols, targets) = (from.u32()? as usize, from.u32()?, from.u32()?);
            let protocols = from.take(protocols as usize)?.to_vec();
            let destinations = (0..targets)
                .map(|_| Some(Target { prefix: from.prefix()?, first: from.u16()?, last: from.u16()? }))
                .collect::<Option<_>>()?;
            (list < sources.len()).then_some(RuleSpec { protocols, sources: list, destinations })
        })
        .collect::<Option<_>>()?;
    Some(Policy { sources, rules })
}

fn local_ips<'a>(from: &mut Reader<'a>) -> Option<Op<'a>> {
    let counts = [from.u32()?, from.u32()?, from.u32()?, from.u32()?];
    Some(Op::LocalIps(LocalIps {
        own: prefixes(from, counts[0])?,
        service: prefixes(from, counts[1])?,
        forwarded: prefixes(from, counts[2])?,
        beside: prefixes(from, counts[3])?,
    }))
}

fn config(from: &mut Reader) -> Option<Config> {
    let mut side = || match from.u32()? {
        0 => Some(Side::None),
        1 => Some(Side::System),
        2 => Some(Side::Ring),
        _ => None,
    };
    let (host, wire) = (side()?, side()?);
    let (mtu, port, bits, mark, under_load) = (from.u32()?, from.u32()?, from.u32()?, from.u32()?, from.u32()?);
    let threads = from.u32()?;
    Some(Config {
        host,
        wire,
        mtu,
        binding: Binding {
            port: port.try_into().ok()?,
            mark: (bits & 1 != 0).then_some(mark),
            dont_fragment: bits & 2 != 0,
        },
        under_load: (bits & 4 != 0).then_some(under_load),
        is_plain: bits & 8 != 0,
        threads,
        name: String::from_utf8(from.rest().to_vec()).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn arbitrary_bytes_are_read_or_refused() {
        let mut random = Random::new(5);
        for _ in 0..50_000 {
            let size = random.below(120);
            let mut bytes = random.bytes(size);
            if bytes.len() >= 8 {
                bytes[..2].copy_from_slice(&(random.below(32) as u16).to_le_bytes());
                let length = bytes.len() as u32 - 8;
                bytes[4..8].copy_from_slice(&length.to_le_bytes());
            }
            let _ = read(&bytes);
        }
    }

    #[test]
    fn what_is_left_over_refuses_the_batch() {
        let mut op = vec![3, 0, 0, 0, 4, 0, 0, 0, 9, 0, 0, 0];
        assert!(matches!(read(&op).as_deref(), Some([Op::PeerDel(9)])));
        op[4] = 5;
        op.push(0);
        assert!(read(&op).is_none());
    }
}
