//! Packets that TypeScript brings (data-plane.md §4.4).

use super::{Control, Engine};
use crate::codec::Reader;
use crate::counters::Count;
use crate::inbound::Origin;
use crate::limits::MAX_PACKET;
use crate::outbound::{Packets, Tx};
use crate::peer::Place;
use crate::records::Way;
use crate::state::State;

impl Engine {
    /// Takes packets in; gives how many were accepted, or none when the batch cannot be read.
    pub fn inject(&self, bytes: &[u8]) -> Option<u32> {
        let mut control = self.control();
        let state = self.shared.read();
        let accepted = self.inject_all(&mut control, &state, bytes);
        // Also what came before a record that cannot be read.
        self.shared.flush_runs(&state, &mut self.shared.tx());
        accepted
    }

    fn inject_all(&self, control: &mut Control, state: &State, bytes: &[u8]) -> Option<u32> {
        let mut from = Reader::new(bytes);
        let mut accepted = 0;
        let mut now = self.shared.clock.now();
        while !from.is_done() {
            let (number, _flags, length) = (from.u16()?, from.u16()?, from.u32()?);
            let mut payload = Reader::new(from.take(length as usize)?);
            if number == 29 {
                self.shared.clock.set(payload.u64()?);
                now = self.shared.clock.now();
            } else if !state.is_running {
                self.shared.count(Count::DropNotReady);
            } else if self.inject_one(control, state, number, &mut payload, now)? {
                accepted += 1;
            }
        }
        Some(accepted)
    }

    fn inject_one(
        &self,
        control: &mut Control,
        state: &State,
        number: u16,
        from: &mut Reader,
        now: u64,
    ) -> Option<bool> {
        let shared = &*self.shared;
        Some(match number {
            64 => {
                let via = from.u32()?;
                let place = Place { to: from.address()??, via };
                shared.send(state, &mut shared.tx(), place, from.rest());
                true
            }
            65 => {
                let (id, region) = (from.u32()?, from.u32()?);
                let Some(peer) = state.peers.get(&id) else { return Some(false) };
                self.receive(control, state, from.rest(), &Origin::Relay(peer, region), now)
            }
            66 => shared.to_host(state, from.rest()),
            67 | 71 => {
                let packet = from.rest();
                let is_short = packet.len() <= MAX_PACKET;
                if is_short {
                    // What the host itself asks is not answered to us.
                    if number == 67 {
                        shared.note_echo(packet, now);
                    }
                    shared.send_from_host(state, &mut shared.tx(), packet, None, now);
                }
                is_short
            }
            68 => {
                let id = from.u32()?;
                let packet = from.rest();
                let Some(peer) = state.peers.get(&id) else { return Some(false) };
                let is_fit = !packet.is_empty() && packet.len() <= MAX_PACKET;
                if is_fit {
                    shared.note_echo(packet, now);
                    shared.tap(state, Way::ToPeer, packet);
                    let tx: &mut Tx = &mut shared.tx();
                    shared.to_peer(state, tx, peer, Packets::One(packet), now);
                }
                is_fit
            }
            69 => {
                let (id, via) = (from.u32()?, from.u32()?);
                let answering = from.address()?.map(|to| Place { to, via });
                let Some(peer) = state.peers.get(&id) else { return Some(false) };
                shared.handshake(state, &mut shared.tx(), peer, from.rest(), answering, now);
                true
            }
            70 => {
                let via = from.u32()?;
                let place = Place { to: from.address()??, via };
                self.receive(control, state, from.rest(), &Origin::Wire { place, ecn: 0 }, now)
            }
            _ => return None,
        })
    }

    fn receive(&self, control: &mut Control, state: &State, datagram: &[u8], origin: &Origin, now: u64) -> bool {
        if matches!(origin, Origin::Relay(..)) {
            self.shared.count(Count::RxRelay);
        }
        let scratch = &mut control.scratch;
        scratch.clear();
        scratch.extend_from_slice(datagram);
        let segment = scratch.len();
        self.shared.open(&mut control.opened, scratch, segment, origin, now);
        self.shared.take_in(state, &mut self.shared.rx(), &mut control.opened, scratch, origin, now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;
    use std::sync::Arc;

    use super::*;
    use crate::keypair::Keypair;
    use crate::ops::NewKeypair;
    use crate::peer::{Mode, Path, Peer};
    use crate::ports::Wire;
    use crate::records::Kind;
    use crate::table::Prefix;

    #[test]
    fn what_precedes_a_broken_record_leaves_at_once() {
        let engine = Engine::new().expect("an engine");
        let mut state = engine.shared.write();
        (state.is_running, state.wire) = (true, Wire::Ring);
        let peer = Arc::new(Peer::new(5, [7; 32], false, false));
        let place = Place { to: ([192, 0, 2, 1], 9).into(), via: 0 };
        let given = NewKeypair {
            peer: 5,
            is_initiator: true,
            local_index: 1,
            remote_index: 2,
            send_key: &[1; 32],
            receive_key: &[2; 32],
            created_ms: engine.shared.clock.now(),
            first_packet: None,
        };
        let mut link = peer.link();
        link.path = Path { mode: Mode::Direct, direct: Some(place), ..Path::default() };
        link.slots.install_as_initiator(Arc::new(Keypair::new(&given)));
        drop(link);
        state.peers.insert(5, peer);
        drop(state);
        // A packet for the peer, then a record of which nothing but the beginning is there.
        let packet = [[68, 0, 0, 0, 6, 0, 0, 0], [5, 0, 0, 0, 0x45, 0, 68, 0]].concat();
        assert_eq!(engine.inject(&packet), None);
        let mut out = [0; 256];
        let size = engine.shared.records.poll(&mut out).expect("room for all");
        let kinds: Vec<u8> = (0..size).step_by(8).map(|at| out[at + 4]).collect();
        assert!(kinds.contains(&(Kind::UdpOut as u8)), "{kinds:?}");
    }

    #[test]
    fn a_packet_longer_than_any_device_gives_is_refused() {
        let engine = Engine::new().expect("an engine");
        let mut state = engine.shared.write();
        state.is_running = true;
        state.peers.insert(5, Arc::new(Peer::new(5, [7; 32], false, false)));
        state.routes.set(Prefix { ip: Ipv6Addr::UNSPECIFIED.into(), bits: 0 }, 5);
        drop(state);
        for number in [67u16, 71] {
            for (length, accepted) in [(MAX_PACKET, 1), (MAX_PACKET + 1, 0), (MAX_PACKET + 40, 0)] {
                let mut packet = vec![0; length];
                (packet[0], packet[6], packet[8], packet[24]) = (0x60, 17, 0xfd, 0xfd);
                packet[4..6].copy_from_slice(&((length - 40) as u16).to_be_bytes());
                let head = [number.to_le_bytes(), [0; 2]].concat();
                let record = [head, (length as u32).to_le_bytes().to_vec(), packet].concat();
                assert_eq!(engine.inject(&record), Some(accepted), "{length} bytes as {number}");
            }
        }
        let mut waiting = Vec::new();
        let peer = engine.shared.read().peers[&5].clone();
        waiting.extend(peer.link().rare().staged.take(&engine.shared.staged));
        assert_eq!(waiting.iter().map(|packet| packet.len()).collect::<Vec<_>>(), [MAX_PACKET; 2]);
    }
}
