//! Data messages: found to be a peer's and opened, then what an authentic one says about the peer (data-plane.md §1.7).

use std::sync::Arc;

use super::{Opened, Origin, Part};
use crate::classify::{Kind as Datagram, classify};
use crate::counters::Count;
use crate::crypto::aead::Text;
use crate::inner::{le32, le64};
use crate::keypair::Keypair;
use crate::limits::{DATA_HEADER, DATA_OVERHEAD, EDGE_MS, RENEW_ON_RECEIVE_MS};
use crate::peer::{Mode, Path, Peer, Place, Reason, add, get, set};
use crate::records::{Kind, Record};
use crate::state::{Shared, State};

/// Data messages that are opened at once.
const BATCH: usize = 64;

impl Shared {
    /// Data messages for one keypair, from `at` on: opened together. Gives where they end.
    pub(super) fn data(&self, opened: &mut Opened, buf: &mut [u8], at: usize, segment: usize, now: u64) -> usize {
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
    pub(super) fn authentic(
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
        // Held until what waits for the key has left: others who have it would wait for that in vain.
        let confirming = Self::confirms(peer, keypair).then(|| self.tx());
        if confirming.is_some() {
            self.confirm(peer, keypair, now);
        }
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
        if let Some(mut tx) = confirming {
            self.flush_staged(state, &mut tx, peer, false, now);
            self.flush_runs(state, &mut tx);
            peer.link().is_leaving = false;
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

    /// Whether a packet under it confirms it. Only a responder's keypair waits for that, and only who receives promotes it.
    fn confirms(peer: &Peer, keypair: &Arc<Keypair>) -> bool {
        !keypair.is_initiator && peer.link().slots.next.as_ref().is_some_and(|next| Arc::ptr_eq(next, keypair))
    }

    fn confirm(&self, peer: &Peer, keypair: &Keypair, now: u64) {
        let mut link = peer.link();
        let freed = link.slots.promote();
        link.is_leaving = true;
        drop(link);
        self.free(freed);
        set(&peer.activity.last_handshake_ms, now);
        self.tell(&Record::new(Kind::KeyConfirmed).peer(peer.id).aux(keypair.local_index));
    }

    /// The engine does not roam by itself, except for peers without disco (data-plane.md §1.10).
    pub fn note_source(&self, peer: &Peer, place: Place, now: u64) {
        let mut link = peer.link();
        if link.path.direct == Some(place) {
            return set(&peer.activity.rx_best_at, now);
        }
        let rare = link.rare();
        let is_told = rare.new_address.is_some_and(|(told, at)| told == place && now.saturating_sub(at) < EDGE_MS);
        // From ever other addresses: few are told, and nobody is followed to one that was not.
        if !is_told && !rare.moves.take(now) {
            return;
        }
        if peer.is_wireguard_only {
            link.path = Path { mode: Mode::Direct, direct: Some(place), ..Path::default() };
        }
        if is_told {
            return;
        }
        link.rare().new_address = Some((place, now));
        self.tell(&Record::new(Kind::NewAddress).peer(peer.id).aux(place.via).address(Some(place.to)));
    }
}
