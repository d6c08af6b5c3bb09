//! From the wire to the host: classify, find the key, open, check, deliver (data-plane.md §1.7, §2.7).

mod data;
mod deliver;
mod handshakes;

use std::ops::Range;
use std::sync::Arc;

use crate::classify::{Kind as Datagram, classify};
use crate::counters::Count;
use crate::crypto::aead::Text;
use crate::ecn;
use crate::filter::rules::VerdictCache;
use crate::guard::{HandshakeGuard, UNDER_LOAD_BACKLOG};
use crate::keypair::Keypair;
use crate::offload::coalesce::Coalescer;
use crate::peer::{Peer, Place};
use crate::records::{Kind, Record};
use crate::state::{Shared, State};

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
            guard: HandshakeGuard::new(UNDER_LOAD_BACKLOG),
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
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::flags::Flags;
    use crate::offload::checksum::Sum;
    use crate::ops::NewKeypair;
    use crate::peer::Ways;
    use crate::ports::Host;
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
    fn whoever_sends_from_ever_other_addresses_is_told_of_a_few_times_a_second() {
        for is_wireguard_only in [false, true] {
            let shared = Shared::new().expect("an engine");
            let peer = Peer::new(1, KEY, is_wireguard_only, false);
            let mut out = [0; 64];
            let mut told = None;
            for second in 1..4 {
                let mut count = 0;
                for port in 1..1_000 {
                    let place = Place { to: SocketAddr::from(([192, 0, 2, 1], port)), via: 0 };
                    shared.note_source(&peer, place, second * 1_000);
                    if shared.records.poll(&mut out) != Ok(0) {
                        (told, count) = (Some(place), count + 1);
                    }
                    // Nobody is followed in silence.
                    assert_eq!(peer.link().path.direct, told.filter(|_| is_wireguard_only));
                }
                assert_eq!(count, 8, "in second {second}");
            }
        }
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
