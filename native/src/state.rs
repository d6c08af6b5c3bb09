//! What the engine's parts share. TypeScript changes it under the writer's lock; data threads read it, one batch at a time.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::buckets::{Bucket, OTHER_BURST, OTHER_RATE};
use crate::counters::{Count, Counters};
use crate::errno;
use crate::filter::{PacketFilter, Verdict};
use crate::flags::Flags;
use crate::hash::QuickMap;
use crate::inbound::Rx;
use crate::inner::{Inner, TCP};
use crate::keypair::{Freed, Keypair};
use crate::limits::{EDGE_MS, IDLE_MS};
use crate::outbound::Tx;
use crate::peer::{Link, Peer, Reason, get, set};
use crate::ports::{Host, Wire};
use crate::records::{Kind, Record, Records, Way};
use crate::staging::StagedTotal;
use crate::system;
use crate::table::PrefixTable;

/// Bytes of a dropped packet that are told: IP header with options and a TCP header without.
const SAMPLE: usize = 96;

/// Whose an address is on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LocalUse {
    Own,
    Service,
    Forwarded,
}

/// Addresses that mean something on this host.
#[derive(Default)]
pub struct Locals {
    /// Whose.
    pub table: PrefixTable<LocalUse>,
    /// Without own addresses nothing is known about what is local, and everything goes to the host.
    pub has_own: bool,
    /// Networks that this host is in.
    pub beside: Option<PrefixTable<()>>,
}

/// Everything that only TypeScript changes.
#[derive(Default)]
pub struct State {
    /// By number.
    pub peers: QuickMap<u32, Arc<Peer>>,
    /// Whose an address is.
    pub routes: PrefixTable<u32>,
    /// Addresses of this host.
    pub locals: Locals,
    /// What may come in.
    pub filter: PacketFilter,
    /// Largest inner packet.
    pub mtu: usize,
    /// Extra sockets that are open, or that TypeScript is opening.
    pub extra: HashSet<u32>,
    /// Towards peers.
    pub wire: Wire,
    /// Towards the host.
    pub host: Host,
    /// Switches that hold for both ends.
    pub flags: Flags,
    /// Packets are watched.
    pub is_tapped: bool,
    /// Between start and stop.
    pub is_running: bool,
}

impl State {
    /// Whether only a route for everything leads to an address of a network that this host is in: its machines are trusted there.
    pub fn is_beside(&self, ip: IpAddr) -> bool {
        let is_near = self.locals.beside.as_ref().is_some_and(|beside| beside.find(ip).is_some());
        is_near && self.routes.find(ip).is_some_and(|(_, bits)| bits == 0)
    }

    /// Also for what is open already.
    pub fn set_flags(&mut self, flags: Flags) {
        self.flags = flags;
        #[cfg(target_os = "linux")]
        {
            if let Wire::System(sockets) = &mut self.wire {
                sockets.set_flags(flags);
            }
            if let Host::Device(tun) = &self.host {
                tun.set_flags(flags);
            }
        }
    }

    /// Whose an address is here.
    pub fn local_use(&self, ip: IpAddr) -> Option<LocalUse> {
        self.locals.table.lookup(ip)
    }
}

/// Which index we gave to whom.
#[derive(Default)]
pub struct Indices {
    keypairs: QuickMap<u32, (Arc<Peer>, Arc<Keypair>)>,
    pending: QuickMap<u32, Arc<Peer>>,
    /// Those of `pending`, by peer.
    pending_of: QuickMap<u32, Vec<u32>>,
}

impl Indices {
    /// The keypair that the peer names so.
    pub fn keypair(&self, index: u32) -> Option<&(Arc<Peer>, Arc<Keypair>)> {
        self.keypairs.get(&index)
    }

    /// The peer whose handshake is under way.
    pub fn pending(&self, index: u32) -> Option<&Arc<Peer>> {
        self.pending.get(&index)
    }

    /// The peer that knows us by this index, in whatever state.
    pub fn peer(&self, index: u32) -> Option<&Arc<Peer>> {
        self.pending(index).or_else(|| self.keypair(index).map(|(peer, _)| peer))
    }

    /// For a handshake.
    pub fn add_pending(&mut self, index: u32, peer: Arc<Peer>) {
        self.pending_of.entry(peer.id).or_default().push(index);
        self.pending.insert(index, peer);
    }

    /// The handshake is over.
    pub fn drop_pending(&mut self, index: u32) {
        let Some(peer) = self.pending.remove(&index) else { return };
        if let Some(of_peer) = self.pending_of.get_mut(&peer.id) {
            of_peer.retain(|other| *other != index);
            if of_peer.is_empty() {
                self.pending_of.remove(&peer.id);
            }
        }
    }

    /// A pending index becomes its keypair's.
    pub fn add_keypair(&mut self, peer: Arc<Peer>, keypair: Arc<Keypair>) {
        self.drop_pending(keypair.local_index);
        self.keypairs.insert(keypair.local_index, (peer, keypair));
    }

    /// Forgets a keypair, unless its index is another's by now.
    pub fn free(&mut self, keypair: &Arc<Keypair>) {
        if self.keypairs.get(&keypair.local_index).is_some_and(|(_, held)| Arc::ptr_eq(held, keypair)) {
            self.keypairs.remove(&keypair.local_index);
        }
    }

    /// Forgets handshakes with a peer.
    pub fn drop_peer(&mut self, id: u32) {
        for index in self.pending_of.remove(&id).unwrap_or_default() {
            self.pending.remove(&index);
        }
    }
}

/// The engine clock, ms, never 0: the system's, or one that TypeScript sets with each call.
pub struct Clock {
    /// 0 = the system's.
    manual: AtomicU64,
    /// Added to the system's, so that TypeScript's own clock agrees.
    offset: AtomicU64,
}

impl Clock {
    /// Now.
    pub fn now(&self) -> u64 {
        match self.manual.load(Ordering::Relaxed) {
            0 => system::boot_ms().wrapping_add(self.offset.load(Ordering::Relaxed)).max(1),
            manual => manual,
        }
    }

    /// From now on it is this time, until it is set again.
    pub fn set(&self, now: u64) {
        self.manual.store(now.max(1), Ordering::Relaxed);
    }

    /// From now on it goes by itself, and it is this time.
    pub fn run_from(&self, now: u64) {
        self.offset.store(now.wrapping_sub(system::boot_ms()), Ordering::Relaxed);
        self.manual.store(0, Ordering::Relaxed);
    }
}

/// One engine. Locks are taken in the order of the fields; `rx` before `tx`, then a peer's link, then the rest.
pub struct Shared {
    state: RwLock<State>,
    rx: Mutex<Rx>,
    tx: Mutex<Tx>,
    indices: RwLock<Indices>,
    /// What happened.
    pub counters: Counters,
    /// What is told.
    pub records: Records,
    /// What waits, of all peers.
    pub staged: StagedTotal,
    /// What time it is.
    pub clock: Clock,
    echoes: Mutex<HashMap<u16, u64>>,
    others: Mutex<Bucket>,
    /// TypeScript was asked to look after what waits for a path.
    pub is_held: AtomicBool,
    /// A panic was caught: nothing but destroying the engine works any more.
    poisoned: AtomicBool,
    /// When it was told last that the device refuses packets; 0 = never.
    tun_error_at: AtomicU64,
}

/// Echo requests of our own whose replies are ours, and for how long.
const ECHO_MS: u64 = 10_000;
const MAX_ECHOES: usize = 256;

impl Shared {
    /// Without anything.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            state: RwLock::default(),
            rx: Mutex::default(),
            tx: Mutex::default(),
            indices: RwLock::default(),
            counters: Counters::default(),
            records: Records::new()?,
            staged: StagedTotal::default(),
            clock: Clock { manual: AtomicU64::new(0), offset: AtomicU64::new(0) },
            echoes: Mutex::default(),
            others: Mutex::new(Bucket::full(OTHER_BURST)),
            is_held: AtomicBool::new(false),
            poisoned: AtomicBool::new(false),
            tun_error_at: AtomicU64::new(0),
        })
    }

    /// Whether a panic ended it.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// A panic ended it; whoever reads is told what it said.
    pub fn poison(&self, panic: &(dyn Any + Send)) {
        self.poisoned.store(true, Ordering::Release);
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let why = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words");
        self.tell(&Record::new(Kind::Fatal).data(why.as_bytes()));
    }

    /// For one batch of packets.
    pub fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For one batch of operations.
    pub fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of whoever receives.
    pub fn rx(&self) -> MutexGuard<'_, Rx> {
        self.rx.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of whoever sends but threads that read the device, which have their own.
    pub fn tx(&self) -> MutexGuard<'_, Tx> {
        self.tx.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For short.
    pub fn indices(&self) -> RwLockReadGuard<'_, Indices> {
        self.indices.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For short.
    pub fn indices_mut(&self) -> RwLockWriteGuard<'_, Indices> {
        self.indices.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells TypeScript.
    pub fn tell(&self, record: &Record) {
        self.records.push(&self.counters, record);
    }

    /// Counts one.
    pub fn count(&self, count: Count) {
        self.counters.one(count);
    }

    /// Shows a packet to whoever watches.
    pub fn tap(&self, state: &State, way: Way, packet: &[u8]) {
        if state.is_tapped {
            self.tell(&Record::new(Kind::Tap).flags(way as u16).data(packet));
        }
    }

    /// Takes keypairs out of the index table; their keys are wiped with the last hold on them.
    pub fn free(&self, freed: Freed) {
        if freed.iter().any(Option::is_some) {
            let mut indices = self.indices_mut();
            for keypair in freed.iter().flatten() {
                indices.free(keypair);
            }
        }
    }

    /// An authentic packet left for the peer.
    pub fn touch_sent(&self, peer: &Peer, now: u64) {
        self.touch(peer, now);
        set(&peer.activity.last_tx_any, now);
        set(&peer.activity.keepalive_owed_since, 0);
    }

    /// An authentic packet of the peer arrived.
    pub fn touch_received(&self, peer: &Peer, now: u64) {
        self.touch(peer, now);
        set(&peer.activity.last_rx_any, now);
        set(&peer.activity.unanswered_since, 0);
    }

    fn touch(&self, peer: &Peer, now: u64) {
        let last = get(&peer.activity.last_tx_any).max(get(&peer.activity.last_rx_any));
        if last == 0 || now.saturating_sub(last) >= IDLE_MS {
            self.tell(&Record::new(Kind::PeerActive).peer(peer.id));
        }
    }

    /// Asks for a handshake, at most once a second for each reason.
    pub fn need_handshake(&self, peer: &Peer, link: &mut Link, reason: Reason, now: u64) {
        let told = &mut link.rare().needed_at[reason as usize - 1];
        if *told != 0 && now.saturating_sub(*told) < EDGE_MS {
            return;
        }
        *told = now;
        self.tell(&Record::new(Kind::NeedHandshake).peer(peer.id).aux(reason as u32));
    }

    /// Asks for a path, at most once a second.
    pub fn need_path(&self, peer: &Peer, link: &mut Link, now: u64) {
        let rare = link.rare();
        if rare.needed_path_at.is_some_and(|at| now.saturating_sub(at) < EDGE_MS) {
            return;
        }
        rare.needed_path_at = Some(now);
        self.tell(&Record::new(Kind::NeedPath).peer(peer.id));
    }

    /// Counts a packet of a peer that the filter dropped, and tells of it if it is one of few.
    pub fn filtered(&self, peer: &Peer, packet: &Inner, verdict: Verdict, now: u64) {
        self.count(match verdict {
            Verdict::Pass => return,
            Verdict::Unreadable => Count::DropInUnreadable,
            Verdict::Multicast => Count::DropInMulticast,
            Verdict::LinkLocal => Count::DropInLinkLocal,
            Verdict::Filtered => Count::DropFiltered,
            Verdict::Jailed => Count::DropJailed,
        });
        let may_tell = if packet.protocol() == TCP {
            peer.link().rare().syns.take(now)
        } else {
            self.others.lock().unwrap_or_else(PoisonError::into_inner).take(OTHER_RATE, OTHER_BURST, now)
        };
        if may_tell {
            let sample = &packet.bytes[..packet.bytes.len().min(SAMPLE)];
            self.tell(&Record::new(Kind::Filtered).peer(peer.id).aux(verdict as u32).data(sample));
        }
    }

    /// The reply to this echo request of ours will be ours.
    pub fn note_echo(&self, packet: &[u8], now: u64) {
        let Some(ident) = Inner::parse(packet).and_then(|inner| inner.echo_request()) else { return };
        let mut echoes = self.echoes.lock().unwrap_or_else(PoisonError::into_inner);
        if echoes.len() >= MAX_ECHOES {
            echoes.retain(|_, until| *until >= now);
        }
        if echoes.len() >= MAX_ECHOES {
            echoes.clear();
        }
        echoes.insert(ident, now + ECHO_MS);
    }

    /// Whether an echo reply with this identifier answers a request of ours.
    pub fn expects_echo(&self, ident: u16, now: u64) -> bool {
        let echoes = self.echoes.lock().unwrap_or_else(PoisonError::into_inner);
        echoes.get(&ident).is_some_and(|until| now <= *until)
    }

    /// The device did not take so many packets; told once a second.
    pub fn tun_error(&self, error: &io::Error, packets: usize) {
        self.counters.add(Count::DropTunWrite, packets as u64);
        let now = self.clock.now();
        let told = self.tun_error_at.load(Ordering::Relaxed);
        if told != 0 && now.saturating_sub(told) < EDGE_MS {
            return;
        }
        self.tun_error_at.store(now, Ordering::Relaxed);
        let code = errno::name(errno::number(error));
        self.tell(&Record::new(Kind::TunError).data(code.as_bytes()));
    }

    /// A datagram could not be sent there.
    pub fn path_error(&self, state: &State, to: Option<SocketAddr>, via: u32, code: &str) {
        let is_path = |peer: &&Arc<Peer>| {
            let direct = peer.link().path.direct;
            direct.is_some_and(|place| Some(place.to) == to && place.via == via)
        };
        let peer = to.and_then(|_| state.peers.values().find(is_path)).map_or(0, |peer| peer.id);
        self.tell(&Record::new(Kind::PathError).peer(peer).aux(via).data(code.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_refuses_packets_is_told_of_once_a_second() {
        let shared = Shared::new().expect("an engine");
        let mut out = [0; 64];
        for (now, told) in [(5, 24), (1_004, 0), (1_005, 24)] {
            shared.clock.set(now);
            shared.tun_error(&io::Error::from_raw_os_error(libc::EIO), 3);
            assert_eq!(shared.records.poll(&mut out), Ok(told));
        }
        assert_eq!((out[4], &out[16..19]), (Kind::TunError as u8, &b"EIO"[..]));
        assert_eq!(shared.counters.get(Count::DropTunWrite), 9);
    }

    #[test]
    fn each_reason_for_a_handshake_is_told_once_a_second_though_they_take_turns() {
        let shared = Shared::new().expect("an engine");
        let peer = Peer::new(1, [0; 32], false, false);
        let mut out = [0; 4_096];
        for (now, told) in [(5, 2), (1_004, 0), (1_005, 2)] {
            for _ in 0..50 {
                for reason in [Reason::Age120, Reason::Age165] {
                    shared.need_handshake(&peer, &mut peer.link(), reason, now);
                }
            }
            assert_eq!(shared.records.poll(&mut out), Ok(told * 16), "at {now}");
        }
        peer.link().forget_needed();
        shared.need_handshake(&peer, &mut peer.link(), Reason::Age165, 1_006);
        assert_eq!(shared.records.poll(&mut out), Ok(16));
    }

    #[test]
    fn a_panic_is_told_in_its_own_words() {
        let shared = Shared::new().expect("an engine");
        let mut out = [0; 64];
        for (words, expected) in [
            (Box::new("in short") as Box<dyn Any + Send>, &b"in short"[..]),
            (Box::new("at length".to_owned()), b"at length"),
            (Box::new(7), b"a panic without words"),
        ] {
            shared.poison(&*words);
            assert!(shared.is_poisoned() && shared.records.poll(&mut out).is_ok());
            assert_eq!((out[4], out[0], &out[16..16 + expected.len()]), (45, 16 + expected.len() as u8, expected));
        }
    }

    #[test]
    fn a_peer_takes_its_handshakes_along() {
        let mut indices = Indices::default();
        let peer = |id| Arc::new(Peer::new(id, [0; 32], false, false));
        let (one, other) = (peer(1), peer(2));
        for index in 0..4 {
            indices.add_pending(index, one.clone());
        }
        indices.add_pending(4, other.clone());
        indices.drop_pending(3);
        // An index that was given up may be another's by now.
        indices.add_pending(3, other);
        indices.drop_peer(1);
        assert_eq!((0..5).filter(|index| indices.pending(*index).is_some()).collect::<Vec<_>>(), [3, 4]);
        indices.drop_pending(3);
        indices.drop_pending(4);
        assert!(indices.pending_of.is_empty());
    }
}
