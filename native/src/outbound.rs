//! From the host to the wire: route, keypair, seal, path (data-plane.md §1.5, §1.9, §2.5, §4.9).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use crate::codec::address_block;
use crate::counters::Count;
use crate::ecn;
use crate::filter::Verdict;
use crate::inner::{Inner, TSMP};
use crate::limits::{DATA_OVERHEAD, EDGE_MS, HOLD_MS, MAX_PACKET, PADDING, REKEY_AFTER_MS};
use crate::offload::split::Split;
use crate::order::Turn;
use crate::peer::{Link, Peer, Place, Reason, Ways, add, get, set};
use crate::ports::Datagrams;
use crate::records::{Kind, Record, Way};
use crate::run::{Bound, Run};
use crate::state::{LocalUse, Shared, State};

const UNKNOWN_DESTINATIONS: usize = 1_024;
/// Flows to so many peers are gathered at once.
const RUNS: usize = 4;

/// What a sender has at hand; one at a time uses it.
pub struct Tx {
    /// When what is sealed may leave, where several threads send.
    pub turn: Option<Turn>,
    runs: [Run; RUNS],
    scratch: Box<[u8]>,
    unknown_at: HashMap<IpAddr, u64>,
}

impl Default for Tx {
    fn default() -> Self {
        Self {
            turn: None,
            runs: std::array::from_fn(|_| Run::default()),
            scratch: vec![0; MAX_PACKET].into_boxed_slice(),
            unknown_at: HashMap::new(),
        }
    }
}

/// One packet, or several with the same headers.
#[derive(Clone, Copy)]
pub enum Packets<'a> {
    /// As it is.
    One(&'a [u8]),
    /// To be cut.
    Large(Split<'a>),
}

impl Packets<'_> {
    fn ecn(&self) -> u8 {
        ecn::of(match self {
            Self::One(packet) => packet,
            Self::Large(split) => split.whole(),
        })
    }

    fn count(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Large(split) => split.count(),
        }
    }

    fn length(&self, i: usize) -> usize {
        match self {
            Self::One(packet) => packet.len(),
            Self::Large(split) => split.length(i),
        }
    }

    fn bytes(&self) -> usize {
        (0..self.count()).map(|i| self.length(i)).sum()
    }

    fn write(&self, i: usize, out: &mut [u8]) {
        match self {
            Self::One(packet) => out.copy_from_slice(packet),
            Self::Large(split) => split.write(i, out),
        }
    }
}

impl Shared {
    /// A packet of the host; `whole` is it, or the large one that `split` cuts.
    pub fn send_from_host(&self, state: &State, tx: &mut Tx, whole: &[u8], split: Option<Split>, now: u64) {
        let Some(inner) = Inner::parse(whole) else { return self.count(Count::DropBadInner) };
        self.tap(state, Way::FromHost, inner.bytes);
        let destination = inner.destination();
        match state.local_use(destination) {
            Some(LocalUse::Service) => return self.tell(&Record::new(Kind::Local).data(inner.bytes)),
            Some(LocalUse::Own) => return self.count(Count::DropToSelf),
            _ => {}
        }
        if inner.protocol() == TSMP {
            return self.count(Count::DropTsmpFromHost);
        }
        let Some(peer) = state.routes.lookup(destination).and_then(|id| state.peers.get(&id)) else {
            self.count(Count::DropNoRoute);
            return self.tell_unknown(tx, destination, now);
        };
        match state.filter.outbound(&inner, now) {
            Verdict::Pass => {}
            Verdict::Multicast => return self.count(Count::DropOutMulticast),
            Verdict::LinkLocal => return self.count(Count::DropOutLinkLocal),
            _ => return self.count(Count::DropOutUnreadable),
        }
        let packets = split.map_or(Packets::One(inner.bytes), Packets::Large);
        self.to_peer(state, tx, peer, packets, now);
    }

    /// Inner packets to a given peer: sealed, or kept until they can be.
    pub fn to_peer(&self, state: &State, tx: &mut Tx, peer: &Arc<Peer>, packets: Packets, now: u64) {
        let mut link = self.link_in_order(peer);
        let ways = link.path.ways(now);
        let keypair = link.sender(now, packets.count() as u64).cloned();
        let Some(keypair) = keypair.filter(|_| !ways.is_none()) else {
            let has_key = link.sender(now, 1).is_some();
            self.stage(tx, &mut link, packets, now);
            if !has_key {
                self.need_handshake(peer, &mut link, Reason::NoKey, now);
            }
            if ways.is_none() {
                self.need_path(peer, &mut link, now);
                self.hold();
            }
            return;
        };
        // Sending may fail, and looking for whose path that was takes this lock.
        drop(link);
        let ecn = if state.flags.ecn { packets.ecn() } else { 0 };
        let bound = Bound { peer: peer.clone(), keypair, ways, ecn };
        for i in 0..packets.count() {
            self.lay_out(state, tx, &bound, packets.length(i), |out| packets.write(i, out));
        }
        self.note_sent(peer, packets.count(), packets.bytes(), now);
        self.check_age(&bound, now);
    }

    /// Once what waited has left. Only threads with a `Tx` of their own ever find it on its way.
    fn link_in_order<'a>(&self, peer: &'a Peer) -> MutexGuard<'a, Link> {
        loop {
            let link = peer.link();
            // After a panic nobody may be left to send it.
            if !link.is_leaving || self.is_poisoned() {
                return link;
            }
            drop(link);
            std::thread::yield_now();
        }
    }

    fn stage(&self, tx: &mut Tx, link: &mut Link, packets: Packets, now: u64) {
        for i in 0..packets.count() {
            let packet = &mut tx.scratch[..packets.length(i)];
            packets.write(i, packet);
            let dropped = link.rare().staged.push(&self.staged, packet, now);
            self.counters.add(Count::DropStaged, dropped);
        }
    }

    /// Puts one packet into a run. Length 0 is a keepalive.
    fn lay_out(&self, state: &State, tx: &mut Tx, bound: &Bound, length: usize, write: impl FnOnce(&mut [u8])) {
        // Padded, but not beyond the MTU; an injected packet above the MTU goes as it is.
        let padded = length.next_multiple_of(PADDING).min(state.mtu).max(length);
        let run = &mut tx.runs[bound.peer.id as usize % RUNS];
        if !run.takes(bound, padded) {
            self.flush_run(state, run, tx.turn.as_ref());
        }
        run.append(bound, length, padded, write);
    }

    /// Packets for a peer are laid out; `bytes` of text, 0 for a keepalive.
    fn note_sent(&self, peer: &Peer, packets: usize, bytes: usize, now: u64) {
        let activity = &peer.activity;
        self.touch_sent(peer, now);
        if bytes > 0 && get(&activity.unanswered_since) == 0 {
            set(&activity.unanswered_since, now);
        }
        let (packets, bytes) = (packets as u64, (bytes + packets * DATA_OVERHEAD) as u64);
        add(&activity.tx_packets, packets);
        add(&activity.tx_bytes, bytes);
        self.counters.add(Count::TxPackets, packets);
        self.counters.add(Count::TxBytes, bytes);
    }

    fn check_age(&self, bound: &Bound, now: u64) {
        let Bound { peer, keypair, .. } = bound;
        if keypair.is_worn_out() {
            self.need_handshake(peer, &mut peer.link(), Reason::Counter, now);
        } else if keypair.is_initiator && keypair.age(now) > REKEY_AFTER_MS {
            self.need_handshake(peer, &mut peer.link(), Reason::Age120, now);
        }
    }

    /// Sends what was gathered: before anything else leaves, and before waiting.
    pub fn flush_runs(&self, state: &State, tx: &mut Tx) {
        for run in &mut tx.runs {
            self.flush_run(state, run, tx.turn.as_ref());
        }
    }

    fn flush_run(&self, state: &State, run: &mut Run, turn: Option<&Turn>) {
        run.flush(|bound, sealed| {
            if let Some(turn) = turn {
                turn.wait();
            }
            if let Some(place) = bound.ways.direct {
                state.wire.send(self, state, place, sealed);
            }
            if let Some(region) = bound.ways.relay {
                for datagram in sealed.bytes.chunks(sealed.segment) {
                    self.relay(&bound.peer, region, datagram);
                }
            }
        });
    }

    /// A datagram that a relay is to carry.
    pub fn relay(&self, peer: &Peer, region: u32, datagram: &[u8]) {
        self.count(Count::TxRelay);
        self.tell(&Record::new(Kind::RelayOut).peer(peer.id).aux(region).data(datagram));
    }

    /// One datagram to one place, after what was gathered before it.
    pub fn send(&self, state: &State, tx: &mut Tx, place: Place, datagram: &[u8]) {
        self.flush_runs(state, tx);
        state.wire.send(self, state, place, &Datagrams::one(datagram));
    }

    /// An empty packet, where there is a key and a path.
    pub fn keepalive(&self, state: &State, tx: &mut Tx, peer: &Arc<Peer>, now: u64) {
        let mut link = peer.link();
        let Some(keypair) = link.sender(now, 1).cloned() else {
            // What is staged already does the keepalive's work once there is a key (data-plane.md §1.9).
            return self.need_handshake(peer, &mut link, Reason::KeepaliveWithoutKey, now);
        };
        let ways = link.path.ways(now);
        if ways.is_none() {
            return self.need_path(peer, &mut link, now);
        }
        drop(link);
        self.count(Count::TxKeepalives);
        let bound = Bound { peer: peer.clone(), keypair, ways, ecn: 0 };
        self.lay_out(state, tx, &bound, 0, |_| {});
        self.note_sent(peer, 1, 0, now);
        self.check_age(&bound, now);
    }

    /// After a key or a path came: the first packet, what was staged, or a keepalive when a new key must be confirmed.
    pub fn flush_staged(&self, state: &State, tx: &mut Tx, peer: &Arc<Peer>, confirm: bool, now: u64) {
        let mut link = peer.link();
        let ways = link.path.ways(now);
        let Some(keypair) = link.sender(now, 1).cloned() else { return };
        if ways.is_none() {
            return;
        }
        // What waited for a handshake is no flow yet, whose congestion anybody could mark.
        let bound = Bound { peer: peer.clone(), keypair, ways, ecn: 0 };
        let first = bound.keypair.first_packet.lock().unwrap_or_else(PoisonError::into_inner).take();
        let staged = link.rare_if_any().map(|rare| rare.staged.take(&self.staged));
        let waiting: Vec<Box<[u8]>> = first.into_iter().chain(staged.into_iter().flatten()).collect();
        drop(link);
        for packet in &waiting {
            self.lay_out(state, tx, &bound, packet.len(), |out| out.copy_from_slice(packet));
            self.note_sent(peer, 1, packet.len(), now);
        }
        if !waiting.is_empty() {
            self.check_age(&bound, now);
        } else if confirm {
            self.keepalive(state, tx, peer, now);
        }
    }

    /// A handshake message of ours, along the peer's path; also straight to the address whose message it answers, because
    /// that way was just seen to work in one direction. It counts as an authentic packet sent (data-plane.md §1.9).
    pub fn handshake(
        &self,
        state: &State,
        tx: &mut Tx,
        peer: &Arc<Peer>,
        message: &[u8],
        answering: Option<Place>,
        now: u64,
    ) {
        self.touch_sent(peer, now);
        let ways = peer.link().path.ways(now);
        if let Some(place) = answering.filter(|place| ways.direct != Some(*place)) {
            self.send(state, tx, place, message);
        }
        if !ways.is_none() {
            self.transmit(state, tx, peer, ways, message);
        } else if answering.is_none() {
            let mut link = peer.link();
            link.rare().held = Some((message.into(), now));
            self.need_path(peer, &mut link, now);
        }
    }

    fn transmit(&self, state: &State, tx: &mut Tx, peer: &Peer, ways: Ways, datagram: &[u8]) {
        self.flush_runs(state, tx);
        if let Some(place) = ways.direct {
            state.wire.send(self, state, place, &Datagrams::one(datagram));
        }
        if let Some(region) = ways.relay {
            self.relay(peer, region, datagram);
        }
    }

    /// What waited only for a path goes.
    pub fn path_changed(&self, state: &State, tx: &mut Tx, peer: &Arc<Peer>, now: u64) {
        let mut link = peer.link();
        let ways = link.path.ways(now);
        if ways.is_none() {
            return;
        }
        let held = link.rare_if_any().and_then(|rare| rare.held.take());
        drop(link);
        if let Some((message, since)) = held
            && now.saturating_sub(since) < HOLD_MS
        {
            self.transmit(state, tx, peer, ways, &message);
        }
        self.flush_staged(state, tx, peer, false, now);
    }

    /// Drops what has waited for a path for too long, and asks to be called again while anything waits.
    pub fn expire_held(&self, state: &State, now: u64) {
        self.is_held.store(false, Ordering::Relaxed);
        for peer in state.peers.values() {
            let mut link = peer.link();
            let has_path = !link.path.ways(now).is_none();
            if let Some(rare) = link.rare_if_any().filter(|_| !has_path) {
                let dropped = rare.staged.expire(&self.staged, now.saturating_sub(HOLD_MS));
                self.counters.add(Count::DropNoPath, dropped);
            }
        }
        if self.staged.bytes() > 0 {
            self.hold();
        }
    }

    /// Asks for `expire_held` after a while, once.
    fn hold(&self) {
        if !self.is_held.swap(true, Ordering::Relaxed) {
            self.tell(&Record::new(Kind::Hold).aux(HOLD_MS as u32));
        }
    }

    /// Once a second per destination.
    fn tell_unknown(&self, tx: &mut Tx, ip: IpAddr, now: u64) {
        if tx.unknown_at.get(&ip).is_some_and(|at| now.saturating_sub(*at) < EDGE_MS) {
            return;
        }
        if tx.unknown_at.len() >= UNKNOWN_DESTINATIONS {
            tx.unknown_at.clear();
        }
        tx.unknown_at.insert(ip, now);
        let block = address_block(Some((ip, 0).into()));
        self.tell(&Record::new(Kind::UnknownDestination).data(&block));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::thread;

    use super::*;
    use crate::crypto::aead::{Key, Text};
    use crate::inbound::{Opened, Origin};
    use crate::inner::{le32, le64};
    use crate::keypair::Keypair;
    use crate::ops::NewKeypair;
    use crate::peer::{Mode, Path};
    use crate::ports::Wire;
    use crate::table::Prefix;

    const KEY: [u8; 32] = [7; 32];
    const INDEX: u32 = 9;
    /// Where the number of a packet stands.
    const NUMBER: usize = 36;

    fn packet(number: u32) -> Vec<u8> {
        let mut packet = vec![0; NUMBER + 4];
        (packet[0], packet[3], packet[9]) = (0x45, NUMBER as u8 + 4, 17);
        packet[16..20].copy_from_slice(&[10, 0, 0, 2]);
        packet[NUMBER..].copy_from_slice(&number.to_le_bytes());
        packet
    }

    fn place() -> Place {
        Place { to: ([192, 0, 2, 1], 9).into(), via: 0 }
    }

    /// With one peer, whose first packet is waited for to send under its key.
    fn engine() -> Shared {
        let shared = Shared::new().expect("an engine");
        shared.clock.set(2);
        let peer = Arc::new(Peer::new(1, KEY, false, false));
        let keypair = Arc::new(Keypair::new(&NewKeypair {
            peer: 1,
            is_initiator: false,
            local_index: INDEX,
            remote_index: INDEX,
            send_key: &KEY,
            receive_key: &KEY,
            created_ms: 1,
            first_packet: None,
        }));
        peer.link().path = Path { mode: Mode::Direct, direct: Some(place()), ..Path::default() };
        peer.link().slots.install_as_responder(keypair.clone());
        shared.indices_mut().add_keypair(peer.clone(), keypair);
        let mut state = shared.write();
        (state.wire, state.mtu) = (Wire::Ring, 1_280);
        state.routes.set(Prefix { ip: [10, 0, 0, 2].into(), bits: 32 }, 1);
        state.peers.insert(1, peer);
        drop(state);
        shared
    }

    /// As a thread that reads from the wire.
    fn receive_keepalive(shared: &Shared) {
        let mut datagram = [[4, 0, 0, 0, INDEX as u8, 0, 0, 0].as_slice(), &[0; DATA_OVERHEAD - 8]].concat();
        Key::new(&KEY).seal(&mut datagram, &[Text { at: 16, len: 0, counter: 0 }]);
        let origin = Origin::Wire { place: place(), ecn: 0 };
        let (state, mut opened) = (shared.read(), Opened::default());
        shared.open(&mut opened, &mut datagram, DATA_OVERHEAD, &origin, 2);
        shared.take_in(&state, &mut shared.rx(), &mut opened, &datagram, &origin, 2);
    }

    /// Numbers of the packets that left, in their order.
    fn left(shared: &Shared) -> Vec<u32> {
        let mut out = vec![0; 1 << 20];
        let size = shared.records.poll(&mut out).expect("room for all");
        let (mut numbers, mut at) = (Vec::new(), 0);
        while at < size {
            let length = le32(&out, at) as usize;
            if out[at + 4] == Kind::UdpOut as u8 {
                let data = &mut out[at + 44..at + length];
                let text = Text { at: 16, len: data.len() - DATA_OVERHEAD, counter: le64(data, 8) };
                let mut good = [false];
                Key::new(&KEY).open(data, &[text], &mut good);
                assert_eq!(good, [true]);
                numbers.push(le32(data, 16 + NUMBER));
            }
            at += length.next_multiple_of(8);
        }
        numbers
    }

    #[test]
    fn what_waited_for_a_key_leaves_before_what_comes_later() {
        for round in 0..60 {
            let shared = engine();
            let sent = AtomicU32::new(0);
            thread::scope(|scope| {
                // As a thread that reads from the device.
                scope.spawn(|| {
                    let mut tx = Tx::default();
                    for number in 0..60 {
                        let state = shared.read();
                        shared.send_from_host(&state, &mut tx, &packet(number), None, 2);
                        shared.flush_runs(&state, &mut tx);
                        sent.store(number, Ordering::Relaxed);
                    }
                });
                while sent.load(Ordering::Relaxed) < 20 {
                    std::hint::spin_loop();
                }
                receive_keepalive(&shared);
            });
            assert!(left(&shared).into_iter().eq(0..60), "in round {round}");
        }
    }
}
