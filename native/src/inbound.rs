//! From the wire to the host: classify, find the key, open, check, deliver (data-plane.md §1.7, §2.7).

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use crate::classify::{Kind as Datagram, classify};
use crate::counters::Count;
use crate::crypto::aead::Text;
use crate::ecn;
use crate::filter::Verdict;
use crate::filter::rules::VerdictCache;
use crate::guard::{self, COOKIE_REPLY, HandshakeGuard, Source};
use crate::inner::{Inner, TSMP, le32, le64};
use crate::keypair::Keypair;
use crate::limits::{DATA_HEADER, DATA_OVERHEAD, EDGE_MS, RENEW_ON_RECEIVE_MS};
use crate::offload::coalesce::{Coalescer, Place as Span};
use crate::peer::{Mode, Path, Peer, Place, Reason, add, get, set};
use crate::ports::{Datagrams, Host};
use crate::records::{Kind, Record, Way};
use crate::state::{LocalUse, Shared, State};

const INITIATION: usize = 148;
const RESPONSE: usize = 92;
/// Data messages that are opened at once.
const BATCH: usize = 64;

/// What a receiver has at hand; one at a time uses it.
pub struct Rx {
    /// In front of the handshake code.
    pub guard: HandshakeGuard,
    /// Packets for a device that takes large ones.
    pub coalescer: Coalescer,
    cache: VerdictCache,
}

impl Default for Rx {
    fn default() -> Self {
        Self {
            guard: HandshakeGuard::new(guard::UNDER_LOAD_BACKLOG),
            coalescer: Coalescer::new(false, false),
            cache: VerdictCache::default(),
        }
    }
}

/// What one read from the wire holds, after the cipher; kept and used again.
#[derive(Default)]
pub struct Opened {
    parts: Vec<Part>,
    texts: Vec<Text>,
    good: Vec<bool>,
}

/// In the order of the wire.
enum Part {
    /// Texts under one keypair.
    Data { peer: Arc<Peer>, keypair: Arc<Keypair>, texts: Range<usize> },
    /// A datagram that is no data.
    Other(Range<usize>),
}

/// Where a datagram came from.
#[derive(Clone, Copy)]
pub enum Origin<'a> {
    /// By itself, from an address to a socket, with these congestion bits.
    Wire { place: Place, ecn: u8 },
    /// By a relay, which says that it is this peer's.
    Relay(&'a Arc<Peer>, u32),
}

impl Origin<'_> {
    fn place(&self) -> Option<Place> {
        match self {
            Self::Wire { place, .. } => Some(*place),
            Self::Relay(..) => None,
        }
    }

    /// A router on the way marked it.
    fn is_congested(&self) -> bool {
        matches!(self, Self::Wire { ecn: ecn::CONGESTED, .. })
    }
}

impl Shared {
    /// Datagrams of equal length, but for the last, that came together: opens what is data, in place. Several threads may do
    /// this at once.
    pub fn open(&self, opened: &mut Opened, buf: &mut [u8], segment: usize, origin: &Origin, now: u64) {
        opened.parts.clear();
        opened.texts.clear();
        opened.good.clear();
        let total = buf.len();
        let mut at = 0;
        loop {
            let end = (at + segment.max(1)).min(total);
            if self.sort(&buf[at..end], origin) == Datagram::Data {
                at = self.data(opened, buf, at, segment, now);
            } else {
                opened.parts.push(Part::Other(at..end));
                at = end;
            }
            if at >= total {
                break;
            }
        }
        if origin.is_congested() {
            for (text, _) in opened.texts.iter().zip(&opened.good).filter(|(_, is_good)| **is_good) {
                ecn::mark(&mut buf[text.at..text.at + text.len]);
            }
        }
    }

    /// Everything after that, in the order of the wire; false for a relayed datagram that is nothing. What is for the host is
    /// in `buf`, and is written before this returns.
    pub fn take_in(
        &self,
        state: &State,
        rx: &mut Rx,
        opened: &mut Opened,
        buf: &[u8],
        origin: &Origin,
        now: u64,
    ) -> bool {
        let mut is_known = true;
        let must_mark = state.flags.ecn && origin.is_congested();
        // Nothing of a peer stays here: its keys are wiped as soon as nobody holds them.
        for part in opened.parts.drain(..) {
            match part {
                Part::Other(range) => is_known = self.other(state, rx, &buf[range], origin, now),
                Part::Data { peer, keypair, texts } => {
                    let (texts, good) = (&opened.texts[texts.clone()], &mut opened.good[texts]);
                    if self.authentic(state, &peer, &keypair, texts, good, origin, now) {
                        for (text, _) in texts.iter().zip(good).filter(|(text, is_good)| **is_good && text.len > 0) {
                            // A sender that does not heed marks would never hear of it (RFC 6040 §4.2).
                            if must_mark && ecn::of(&buf[text.at..text.at + text.len]) == 0 {
                                self.count(Count::DropCongested);
                            } else {
                                self.inner(state, rx, &peer, buf, *text, now);
                            }
                        }
                    }
                }
            }
        }
        state.host.drain(self, state, rx, buf);
        is_known
    }

    fn sort(&self, datagram: &[u8], origin: &Origin) -> Datagram {
        match origin {
            // Anybody can write that into a datagram, and nothing can be sent there (RFC 768: "no port").
            Origin::Wire { place, .. } if place.to.port() == 0 => Datagram::Junk,
            _ => classify(datagram),
        }
    }

    fn other(&self, state: &State, rx: &mut Rx, datagram: &[u8], origin: &Origin, now: u64) -> bool {
        let kind = self.sort(datagram, origin);
        if matches!(kind, Datagram::Initiation | Datagram::Response | Datagram::CookieReply) {
            self.handshake_in(state, rx, kind, datagram, origin, now);
            return true;
        }
        let hand_up = |kind: Kind, place: &Place| {
            self.tell(&Record::new(kind).aux(place.via).address(Some(place.to)).data(datagram));
        };
        match (kind, origin) {
            (Datagram::Disco, Origin::Wire { place, .. }) => hand_up(Kind::Disco, place),
            (Datagram::Stun, Origin::Wire { place, .. }) => hand_up(Kind::Stun, place),
            (Datagram::Geneve, Origin::Wire { .. }) => self.count(Count::DropGeneve),
            _ => {
                self.count(Count::DropJunk);
                return false;
            }
        }
        true
    }

    fn handshake_in(&self, state: &State, rx: &mut Rx, kind: Datagram, message: &[u8], origin: &Origin, now: u64) {
        self.count(Count::HandshakeReceived);
        let size = match kind {
            Datagram::Initiation => INITIATION,
            Datagram::Response => RESPONSE,
            _ => COOKIE_REPLY,
        };
        if message.len() != size {
            return self.count(Count::DropLength);
        }
        let peer = match kind {
            Datagram::Initiation => None,
            // A response concerns a pending handshake only; a cookie reply may also answer a response of ours.
            Datagram::Response => Some(self.indices().pending(le32(message, 8)).map(|peer| peer.id)),
            _ => Some(self.indices().peer(le32(message, 4)).map(|peer| peer.id)),
        };
        if peer == Some(None) {
            return self.count(Count::DropUnknownIndex);
        }
        if kind != Datagram::CookieReply {
            let source = match origin {
                Origin::Wire { place, .. } => Source::Wire(place.to),
                Origin::Relay(peer, _) => Source::Relay(peer.public_key),
            };
            match rx.guard.check(message, &source, now) {
                guard::Verdict::Pass => {}
                guard::Verdict::Drop(why) => return self.count(why),
                guard::Verdict::Cookie(reply) => {
                    self.count(Count::DropMac2);
                    return self.answer_with_cookie(state, &reply, origin, now);
                }
            }
        }
        let place = origin.place();
        let record = Record::new(Kind::Handshake).peer(peer.flatten().unwrap_or(0));
        let via = place.map_or(0, |place| place.via);
        self.tell(&record.aux(via).address(place.map(|place| place.to)).data(message));
    }

    fn answer_with_cookie(&self, state: &State, reply: &[u8; COOKIE_REPLY], origin: &Origin, now: u64) {
        match origin {
            Origin::Wire { place, .. } => state.wire.send(self, state, *place, &Datagrams::one(reply)),
            Origin::Relay(peer, region) => {
                let mut link = peer.link();
                let told = &mut link.rare().relay_cookie_at;
                if told.is_some_and(|at| now.saturating_sub(at) < EDGE_MS) {
                    return;
                }
                *told = Some(now);
                drop(link);
                self.relay(peer, *region, reply);
            }
        }
        self.count(Count::HandshakeCookiesSent);
    }

    /// Data messages for one keypair, from `at` on: opened together. Gives where they end.
    fn data(&self, opened: &mut Opened, buf: &mut [u8], at: usize, segment: usize, now: u64) -> usize {
        let total = buf.len();
        let end_of = |at: usize| (at + segment.max(1)).min(total);
        if end_of(at) - at < DATA_OVERHEAD {
            self.count(Count::DropLength);
            return end_of(at);
        }
        let index = le32(buf, at + 4);
        let found = self.indices().keypair(index).cloned();
        let Some((peer, keypair)) = found else {
            self.count(Count::DropUnknownIndex);
            return end_of(at);
        };
        if !keypair.is_alive(now) {
            self.count(Count::DropExpiredKey);
            return end_of(at);
        }
        let first = opened.texts.len();
        let mut next = at;
        keypair.with_window(|window| {
            while next < total && opened.texts.len() - first < BATCH {
                let datagram = &buf[next..end_of(next)];
                if datagram.len() < DATA_OVERHEAD || classify(datagram) != Datagram::Data || le32(datagram, 4) != index
                {
                    return;
                }
                let counter = le64(datagram, 8);
                // Spares the cipher a flood of copies; what counts is asked again once the packet is known to be authentic.
                if window.may_accept(counter) {
                    let len = datagram.len() - DATA_OVERHEAD;
                    opened.texts.push(Text { at: next + DATA_HEADER, len, counter });
                } else {
                    self.count(Count::DropReplay);
                }
                next = end_of(next);
            }
        });
        let texts = first..opened.texts.len();
        opened.good.resize(texts.end, false);
        keypair.opener.open(buf, &opened.texts[texts.clone()], &mut opened.good[texts.clone()]);
        opened.parts.push(Part::Data { peer, keypair, texts });
        next
    }

    /// Takes out what is not authentic or was here before. What is left the peer really sent; false for nothing.
    #[allow(clippy::too_many_arguments)]
    fn authentic(
        &self,
        state: &State,
        peer: &Arc<Peer>,
        keypair: &Arc<Keypair>,
        texts: &[Text],
        good: &mut [bool],
        origin: &Origin,
        now: u64,
    ) -> bool {
        let (mut packets, mut keepalives, mut bytes) = (0, 0, 0);
        keypair.with_window(|window| {
            for (text, is_good) in texts.iter().zip(good) {
                if !*is_good {
                    self.count(Count::DropNotAuthentic);
                } else if !window.accept(text.counter) {
                    *is_good = false;
                    self.count(Count::DropReplay);
                } else {
                    packets += 1;
                    keepalives += u64::from(text.len == 0);
                    bytes += (text.len + DATA_OVERHEAD) as u64;
                }
            }
        });
        if packets == 0 {
            return false;
        }
        let activity = &peer.activity;
        let is_confirmation = self.confirm(peer, keypair, now);
        self.touch_received(peer, now);
        add(&activity.rx_packets, packets);
        add(&activity.rx_bytes, bytes);
        self.counters.add(Count::RxPackets, packets);
        self.counters.add(Count::RxBytes, bytes);
        if keepalives > 0 {
            self.counters.add(Count::RxKeepalives, keepalives);
        }
        if let Some(place) = origin.place() {
            self.note_source(peer, place, now);
        }
        // Only now: what is flushed should already use the address just learned.
        if is_confirmation {
            let tx = &mut self.tx();
            self.flush_staged(state, tx, peer, false, now);
            self.flush_runs(state, tx);
        }
        if keypair.is_initiator && keypair.age(now) > RENEW_ON_RECEIVE_MS {
            let mut link = peer.link();
            if link.slots.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, keypair)) {
                self.need_handshake(peer, &mut link, Reason::Age165, now);
            }
        }
        if packets > keepalives && get(&activity.keepalive_owed_since) == 0 {
            set(&activity.keepalive_owed_since, now);
        }
        true
    }

    fn confirm(&self, peer: &Peer, keypair: &Arc<Keypair>, now: u64) -> bool {
        // Only a responder's keypair waits to be confirmed.
        if keypair.is_initiator {
            return false;
        }
        let mut link = peer.link();
        if !link.slots.next.as_ref().is_some_and(|next| Arc::ptr_eq(next, keypair)) {
            return false;
        }
        let freed = link.slots.promote();
        drop(link);
        self.free(freed);
        set(&peer.activity.last_handshake_ms, now);
        self.tell(&Record::new(Kind::KeyConfirmed).peer(peer.id).aux(keypair.local_index));
        true
    }

    /// Version, length, cryptokey routing, then to whom it belongs.
    fn inner(&self, state: &State, rx: &mut Rx, peer: &Arc<Peer>, buf: &[u8], text: Text, now: u64) {
        let Some(inner) = Inner::parse(&buf[text.at..text.at + text.len]) else {
            return self.count(Count::DropBadInner);
        };
        let source = inner.source();
        // The most specific route of all must be this peer's; "one of its routes" would let it take a neighbour's address.
        let is_peers = state.routes.lookup(source) == Some(peer.id);
        // An exit node's routes hold every address, ours too.
        let is_others = matches!(state.local_use(source), Some(LocalUse::Own | LocalUse::Service));
        if !is_peers || is_others || state.is_beside(source) {
            return self.count(Count::DropWrongSource);
        }
        self.tap(state, Way::FromPeer, inner.bytes);
        if inner.protocol() == TSMP {
            // They are short: a piece of one is nobody's (data-plane.md §4.8).
            if inner.is_fragment_v4() {
                return self.count(Count::DropBadInner);
            }
            return self.tell(&Record::new(Kind::Tsmp).peer(peer.id).data(inner.bytes));
        }
        let is_wanted = match state.local_use(inner.destination()) {
            // Service addresses are for this host alone.
            Some(LocalUse::Service) => false,
            Some(LocalUse::Own | LocalUse::Forwarded) => true,
            None => !state.locals.has_own,
        };
        if !is_wanted {
            return self.count(Count::DropNotLocal);
        }
        if inner.echo_reply().is_some_and(|ident| self.expects_echo(ident, now)) {
            return self.tell(&Record::new(Kind::EchoReply).peer(peer.id).data(inner.bytes));
        }
        match state.filter.inbound(&inner, now, peer.is_jailed, &mut rx.cache) {
            Verdict::Pass => self.deliver(state, rx, buf, Span { at: text.at, len: inner.bytes.len() }),
            verdict => self.filtered(peer, &inner, verdict, now),
        }
    }

    #[cfg_attr(not(target_os = "linux"), allow(unused_variables))]
    fn deliver(&self, state: &State, rx: &mut Rx, buf: &[u8], span: Span) {
        match &state.host {
            Host::None => self.count(Count::DropTunWrite),
            Host::Ring => self.tell(&Record::new(Kind::ToHost).data(span.of(buf))),
            #[cfg(target_os = "linux")]
            Host::Device(_) => rx.coalescer.push(buf, span),
            Host::Plain(device) => {
                if !device.write(span.of(buf)) {
                    self.count(Count::DropTunWrite);
                }
            }
        }
    }

    /// An inner packet that TypeScript has for the host.
    pub fn to_host(&self, state: &State, packet: &[u8]) -> bool {
        self.tap(state, Way::ToHost, packet);
        let is_written = match &state.host {
            Host::None => false,
            Host::Ring => {
                self.tell(&Record::new(Kind::ToHost).data(packet));
                true
            }
            #[cfg(target_os = "linux")]
            Host::Device(tun) => tun.write_one(packet),
            Host::Plain(device) => device.write(packet),
        };
        if !is_written {
            self.count(Count::DropTunWrite);
        }
        is_written
    }

    /// The engine does not roam by itself, except for peers without disco (data-plane.md §1.10).
    pub fn note_source(&self, peer: &Peer, place: Place, now: u64) {
        let mut link = peer.link();
        if link.path.direct == Some(place) {
            return set(&peer.activity.rx_best_at, now);
        }
        if peer.is_wireguard_only {
            link.path = Path { mode: Mode::Direct, direct: Some(place), ..Path::default() };
        }
        let rare = link.rare();
        if rare.new_address.is_some_and(|(told, at)| told == place && now.saturating_sub(at) < EDGE_MS) {
            return;
        }
        rare.new_address = Some((place, now));
        let from: SocketAddr = place.to;
        self.tell(&Record::new(Kind::NewAddress).peer(peer.id).aux(place.via).address(Some(from)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Flags;
    use crate::offload::checksum::Sum;
    use crate::ops::NewKeypair;
    use crate::peer::Ways;
    use crate::run::{Bound, Run};
    use crate::table::Prefix;

    const KEY: [u8; 32] = [7; 32];
    const INDEX: u32 = 0x0102_0304;

    fn keypair() -> Arc<Keypair> {
        Arc::new(Keypair::new(&NewKeypair {
            peer: 1,
            is_initiator: true,
            local_index: INDEX,
            remote_index: INDEX,
            send_key: &KEY,
            receive_key: &KEY,
            created_ms: 1,
            first_packet: None,
        }))
    }

    fn packet(tos: u8) -> Vec<u8> {
        let mut packet = vec![0x45, tos, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1];
        let sum = Sum::default().bytes(&packet).checksum();
        packet[10..12].copy_from_slice(&sum);
        packet.extend([0, 9, 0, 9, 0, 12, 0, 0, 1, 2, 3, 4]);
        packet
    }

    /// What the host gets of such a packet, in a datagram with these congestion bits; and how many were dropped for them.
    fn arrives(flags: Flags, outer: u8, inner: u8) -> (Vec<u8>, u64) {
        let shared = Shared::new().expect("an engine");
        let peer = Arc::new(Peer::new(1, KEY, false, false));
        let mut state = State { host: Host::Ring, mtu: 1_280, flags, ..State::default() };
        state.peers.insert(1, peer.clone());
        state.routes.set(Prefix { ip: [10, 0, 0, 2].into(), bits: 32 }, 1);
        shared.indices_mut().add_keypair(peer.clone(), keypair());
        shared.clock.set(2);
        let ways = Ways { direct: None, relay: None };
        let bound = Bound { peer, keypair: keypair(), ways, ecn: 0 };
        let mut run = Run::default();
        run.append(&bound, 32, 32, |out| out.copy_from_slice(&packet(inner)));
        let mut datagram = Vec::new();
        run.flush(|_, sealed| datagram.extend(sealed.bytes));
        let place = Place { to: SocketAddr::from(([192, 0, 2, 1], 9)), via: 0 };
        let origin = Origin::Wire { place, ecn: outer };
        let mut opened = Opened::default();
        let length = datagram.len();
        shared.open(&mut opened, &mut datagram, length, &origin, 2);
        shared.take_in(&state, &mut shared.rx(), &mut opened, &datagram, &origin, 2);
        let mut out = [0; 512];
        let count = shared.records.poll(&mut out).expect("room for all");
        let at = (0..count).step_by(8).find(|at| out[at + 4] == Kind::ToHost as u8 && out[*at] == 48);
        (at.map_or(Vec::new(), |at| out[at + 16..at + 48].to_vec()), shared.counters.get(Count::DropCongested))
    }

    #[test]
    fn marks_of_the_way_reach_the_packet_as_rfc_6040_says() {
        let normal = Flags { ecn: true, ..Flags::default() };
        for flags in [Flags::default(), normal] {
            for outer in 0..4 {
                for inner in 0..4 {
                    let expected = match (outer, inner) {
                        (3, 0) if flags.ecn => (Vec::new(), 1),
                        (3, 1..) => (packet(3), 0),
                        _ => (packet(inner), 0),
                    };
                    assert_eq!(arrives(flags, outer, inner), expected, "outer {outer}, inner {inner}, {flags:?}");
                }
            }
        }
    }
}
