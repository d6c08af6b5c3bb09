//! Handshake messages: past the guard to TypeScript, or answered with a cookie (data-plane.md §1.8).

use super::{Origin, Rx};
use crate::classify::Kind as Datagram;
use crate::counters::Count;
use crate::guard::{COOKIE_REPLY, Source, Verdict};
use crate::inner::le32;
use crate::limits::EDGE_MS;
use crate::ports::Datagrams;
use crate::records::{Kind, Record};
use crate::state::{Shared, State};

const INITIATION: usize = 148;
const RESPONSE: usize = 92;

impl Shared {
    pub(super) fn handshake_in(
        &self,
        state: &State,
        rx: &mut Rx,
        kind: Datagram,
        message: &[u8],
        origin: &Origin,
        now: u64,
    ) {
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
                Verdict::Pass => {}
                Verdict::Drop(why) => return self.count(why),
                Verdict::Cookie(reply) => {
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
}
