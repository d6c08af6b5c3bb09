//! What the engine tells TypeScript: one stream of records, bounded by class, with one wake-up per silence (data-plane.md §4.4).

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::PoisonError;
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

use crate::classify::{Kind as Datagram, classify};
use crate::codec::{ADDRESS, address_block};
use crate::counters::{Count, Counters};
use crate::wake::Wake;

/// Bytes in front of every record: length, type, flags, peer, aux.
pub const HEADER: usize = 16;

/// Kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
#[allow(missing_docs)]
pub enum Kind {
    Disco = 1,
    Stun = 2,
    Handshake = 3,
    /// A datagram for a peer's relay; aux = region.
    RelayOut = 4,
    Local = 5,
    Tsmp = 6,
    EchoReply = 8,
    /// A datagram for a socket of TypeScript's; aux = which.
    UdpOut = 9,
    /// A packet for a host side of TypeScript's.
    ToHost = 10,
    /// A packet that is watched; flags = which way.
    Tap = 11,
    /// aux = reason.
    NeedHandshake = 32,
    /// aux = local index.
    KeyConfirmed = 33,
    PeerActive = 34,
    /// aux = socket.
    NewAddress = 35,
    /// aux = socket; then the error's name.
    PathError = 36,
    /// Help of the system's that is not used any more, because it failed: aux = which, perhaps on one path alone; then why.
    Offload = 38,
    /// A device of the system's is gone; aux = 1 TUN, 2 socket; then why.
    Device = 39,
    /// aux = verdict; then the packet's beginning.
    Filtered = 40,
    NeedPath = 41,
    /// The address is all there is.
    UnknownDestination = 43,
    /// Something waits for a path: `EXPIRE_HELD` is wanted in a while.
    Hold = 44,
    /// The engine failed; nothing but destroying it works any more. What the panic said.
    Fatal = 45,
    /// The device did not take packets: the error's name.
    TunError = 46,
}

/// What of the system's help failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs)]
pub enum Offload {
    UdpGso = 1,
    TunGro = 2,
}

/// Which way a watched packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
#[allow(missing_docs)]
pub enum Way {
    FromHost = 0,
    FromPeer = 1,
    ToHost = 2,
    ToPeer = 3,
}

const MAX_HANDSHAKES: usize = 256;
const MAX_PACKET_BYTES: usize = 512 * 1024;
/// Events are few by construction; this only bounds a reader that stopped.
const MAX_EVENTS: usize = 16_384;
/// Datagrams and packets of sides that TypeScript plays itself are read after each call.
const MAX_RING_BYTES: usize = 32 * 1024 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Event,
    Handshake,
    Packet,
    Ring,
}

fn class(record: &Record) -> Class {
    match record.kind {
        Kind::Handshake => Class::Handshake,
        // Data that floods a relay must not keep out the handshake that it waits for.
        Kind::RelayOut if !matches!(classify(record.data), Datagram::Data | Datagram::Junk) => Class::Handshake,
        Kind::UdpOut | Kind::ToHost => Class::Ring,
        Kind::Disco | Kind::Stun | Kind::RelayOut | Kind::Local | Kind::Tsmp | Kind::EchoReply | Kind::Tap => {
            Class::Packet
        }
        _ => Class::Event,
    }
}

/// One record; what is left out is 0 or absent.
pub struct Record<'a> {
    kind: Kind,
    flags: u16,
    peer: u32,
    aux: u32,
    address: Option<Option<SocketAddr>>,
    data: &'a [u8],
}

impl<'a> Record<'a> {
    /// Of a kind, without anything else.
    pub fn new(kind: Kind) -> Self {
        Self { kind, flags: 0, peer: 0, aux: 0, address: None, data: &[] }
    }

    /// About a peer.
    pub fn peer(self, peer: u32) -> Self {
        Self { peer, ..self }
    }

    /// With a number whose meaning the kind says.
    pub fn aux(self, aux: u32) -> Self {
        Self { aux, ..self }
    }

    /// With flags.
    pub fn flags(self, flags: u16) -> Self {
        Self { flags, ..self }
    }

    /// With an address block, which may name none.
    pub fn address(self, address: Option<SocketAddr>) -> Self {
        Self { address: Some(address), ..self }
    }

    /// With bytes at the end.
    pub fn data(self, data: &'a [u8]) -> Self {
        Self { data, ..self }
    }
}

#[derive(Default)]
struct Queue {
    bytes: VecDeque<u8>,
    handshakes: usize,
    packet_bytes: usize,
    ring_bytes: usize,
    events: usize,
    /// The reader found it empty and wants to be woken.
    is_armed: bool,
}

/// The queue between the engine's threads and the one that reads.
pub struct Records {
    queue: Mutex<Queue>,
    /// How the reader is woken.
    pub wake: Wake,
}

impl Records {
    /// An empty one.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { queue: Mutex::new(Queue { is_armed: true, ..Queue::default() }), wake: Wake::new()? })
    }

    /// Puts a record in, or counts it where there is no room for its class.
    pub fn push(&self, counters: &Counters, record: &Record) {
        let mut queue = self.lock();
        if !queue.admit(record) {
            counters.one(Count::DropRecordQueue);
            return;
        }
        queue.write(record);
        let is_waited_for = std::mem::take(&mut queue.is_armed);
        drop(queue);
        if is_waited_for {
            self.wake.signal();
        }
    }

    /// Moves whole records to `out`: bytes written, 0 when there are none, or `Err` with what the first one needs. At 0 the
    /// next record wakes the reader.
    pub fn poll(&self, out: &mut [u8]) -> Result<usize, usize> {
        let mut queue = self.lock();
        let mut written = 0;
        while let Some(size) = queue.next_size() {
            let padded = size.next_multiple_of(8);
            let Some(place) = out.get_mut(written..written + padded) else {
                return if written == 0 { Err(padded) } else { Ok(written) };
            };
            let (front, back) = queue.bytes.as_slices();
            let split = front.len().min(padded);
            place[..split].copy_from_slice(&front[..split]);
            place[split..].copy_from_slice(&back[..padded - split]);
            queue.bytes.drain(..padded);
            written += padded;
        }
        queue.reset();
        if written == 0 {
            self.wake.clear();
            // Nothing can come between this and the look above: the lock is held.
            queue.is_armed = true;
        }
        Ok(written)
    }

    /// Waits until there is something to read, at most `ms`.
    pub fn wait(&self, ms: u32) -> bool {
        self.wake.wait(ms)
    }

    /// Forgets all.
    pub fn clear(&self) {
        let mut queue = self.lock();
        queue.bytes.clear();
        queue.reset();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn admit(&mut self, record: &Record) -> bool {
        let size = record.data.len();
        match class(record) {
            Class::Event if self.events < MAX_EVENTS => self.events += 1,
            Class::Handshake if self.handshakes < MAX_HANDSHAKES => self.handshakes += 1,
            Class::Packet if self.packet_bytes + size <= MAX_PACKET_BYTES => self.packet_bytes += size,
            Class::Ring if self.ring_bytes + size <= MAX_RING_BYTES => self.ring_bytes += size,
            _ => return false,
        }
        true
    }

    fn write(&mut self, record: &Record) {
        let size = HEADER + record.address.map_or(0, |_| ADDRESS) + record.data.len();
        self.bytes.extend((size as u32).to_le_bytes());
        self.bytes.extend((record.kind as u16).to_le_bytes());
        self.bytes.extend(record.flags.to_le_bytes());
        self.bytes.extend(record.peer.to_le_bytes());
        self.bytes.extend(record.aux.to_le_bytes());
        if let Some(address) = record.address {
            self.bytes.extend(address_block(address));
        }
        self.bytes.extend(record.data);
        self.bytes.extend(std::iter::repeat_n(0, size.next_multiple_of(8) - size));
    }

    fn next_size(&self) -> Option<usize> {
        let mut bytes = [0; 4];
        for (byte, from) in bytes.iter_mut().zip(self.bytes.range(..self.bytes.len().min(4))) {
            *byte = *from;
        }
        (!self.bytes.is_empty()).then(|| u32::from_le_bytes(bytes) as usize)
    }

    fn reset(&mut self) {
        (self.handshakes, self.packet_bytes, self.ring_bytes, self.events) = (0, 0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_out_whole_and_in_order() {
        let records = Records::new().expect("a wake-up");
        let counters = Counters::default();
        for i in 0..5u32 {
            records.push(&counters, &Record::new(Kind::Local).aux(i).data(&vec![7; i as usize]));
        }
        let mut out = [0; 64];
        assert_eq!(records.poll(&mut out[..8]), Err(16));
        assert_eq!(records.poll(&mut out), Ok(16 + 24 + 24));
        assert_eq!((out[0], out[12], out[16], out[28], out[40], out[52]), (16, 0, 17, 1, 18, 2));
        assert_eq!(records.poll(&mut out), Ok(48));
        assert_eq!(records.poll(&mut out), Ok(0));
    }

    #[test]
    fn a_flood_of_packets_leaves_room_for_events() {
        let records = Records::new().expect("a wake-up");
        let counters = Counters::default();
        for _ in 0..600 {
            records.push(&counters, &Record::new(Kind::Disco).data(&[0; 1024]));
        }
        for _ in 0..300 {
            records.push(&counters, &Record::new(Kind::Handshake).data(&[0; 148]));
        }
        assert_eq!(counters.get(Count::DropRecordQueue), 600 - 512 + 300 - 256);
        records.push(&counters, &Record::new(Kind::NeedPath));
        assert_eq!(counters.get(Count::DropRecordQueue), 600 - 512 + 300 - 256);
    }

    #[test]
    fn a_flood_of_relayed_data_leaves_room_for_relayed_handshakes() {
        let records = Records::new().expect("a wake-up");
        let counters = Counters::default();
        for _ in 0..600 {
            records.push(&counters, &Record::new(Kind::RelayOut).data(&[[4, 0, 0, 0]; 256].concat()));
        }
        assert_eq!(counters.get(Count::DropRecordQueue), 600 - 512);
        records.push(&counters, &Record::new(Kind::RelayOut).data(&[[1, 0, 0, 0]; 37].concat()));
        assert_eq!(counters.get(Count::DropRecordQueue), 600 - 512);
    }
}
