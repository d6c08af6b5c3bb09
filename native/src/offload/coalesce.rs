//! Joins packets of one flow into large ones for the host, which is the inverse of cutting them (data-plane.md §2.9).
//!
//! Packets stay where they were decrypted: an item is its first packet and the payloads that follow. Only a flow's last item
//! may grow, so that the order within a flow is what it was on the wire.

use super::checksum::{Sum, pseudo};
use super::shape::{Flow, MAX_HEADER, PSH, Shape};
use super::vnet::{Gso, VNET_HEADER, Vnet};
use crate::inner::TCP;
use crate::limits::MAX_PACKET;

/// Packets in one item.
pub const MAX_SEGMENTS: usize = 64;
/// Items that may still grow.
const MAX_OPEN: usize = 16;

/// A packet's place in the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its first byte.
    pub at: usize,
    /// How many.
    pub len: usize,
}

impl Place {
    /// Its bytes.
    pub fn of<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        &buf[self.at..self.at + self.len]
    }
}

/// One packet for the host: headers as they are to be written, then the payloads.
pub struct Item<'a> {
    /// In front of it all.
    pub vnet: [u8; VNET_HEADER],
    /// IP and transport header.
    pub header: &'a [u8],
    /// What follows, in order.
    pub payloads: &'a [Place],
    /// The packets that it was made of.
    pub packets: usize,
}

struct Open {
    place: Place,
    shape: Option<Shape>,
    /// Payloads, from the first packet's on.
    payloads: Vec<Place>,
    bytes: usize,
    /// Payload of the first packet: the others are as long, but for the last.
    size: usize,
    /// Of the sequence that must follow; of TCP only.
    next: u32,
    flags: u8,
    is_verified: bool,
    /// Nothing more may be joined.
    is_closed: bool,
}

/// What one read from the wire gives the host; kept and used again.
pub struct Coalescer {
    items: Vec<Open>,
    /// Memory of earlier rounds, for payloads.
    spare: Vec<Vec<Place>>,
    /// Join TCP.
    pub tcp: bool,
    /// Join UDP: the device must be able to take it apart again.
    pub udp: bool,
}

impl Coalescer {
    /// For a device with these abilities.
    pub fn new(tcp: bool, udp: bool) -> Self {
        Self { items: Vec::with_capacity(MAX_SEGMENTS), spare: Vec::with_capacity(MAX_SEGMENTS), tcp, udp }
    }

    /// Packets wait to be handed over.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Takes an IP packet whose length was checked. The buffer must be the same until `drain`, and unchanged.
    pub fn push(&mut self, buf: &[u8], place: Place) {
        let packet = place.of(buf);
        let shape = Shape::of(packet).filter(|shape| if shape.protocol == TCP { self.tcp } else { self.udp });
        let flow = Flow::of(packet, shape.as_ref());
        let first = self.items.len().saturating_sub(MAX_OPEN);
        for item in self.items[first..].iter_mut().rev() {
            if !item.shape.as_ref().is_some_and(|own| flow.has(item.place.of(buf), own)) {
                continue;
            }
            // Only a flow's last item is open.
            if shape.as_ref().is_some_and(|shape| item.join(buf, packet, place, shape)) {
                return;
            }
            // Also by what is never joined, a pure acknowledgement or a fragment: it keeps its place in its flow all the same.
            item.is_closed = true;
        }
        self.add(packet, place, shape);
    }

    /// Hands over all items, in the order of their first packets, and forgets them.
    pub fn drain(&mut self, buf: &[u8], mut write: impl FnMut(Item)) {
        for mut item in self.items.drain(..) {
            match item.shape {
                Some(shape) if item.payloads.len() > 1 => {
                    let mut header = [0; MAX_HEADER];
                    let vnet = item.head(buf, &shape, &mut header);
                    let packets = item.payloads.len();
                    write(Item { vnet, header: &header[..shape.header], payloads: &item.payloads, packets });
                }
                _ => write(Item {
                    vnet: [0; VNET_HEADER],
                    header: &[],
                    payloads: std::slice::from_ref(&item.place),
                    packets: 1,
                }),
            }
            item.payloads.clear();
            self.spare.push(item.payloads);
        }
    }

    fn add(&mut self, packet: &[u8], place: Place, shape: Option<Shape>) {
        let mut payloads = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(MAX_SEGMENTS));
        let header = shape.map_or(place.len, |shape| shape.header);
        let size = place.len - header;
        payloads.push(Place { at: place.at + header, len: size });
        let tcp = shape.filter(|shape| shape.protocol == TCP);
        let flags = tcp.map_or(0, |shape| shape.flags(packet));
        let next = tcp.map_or(0, |shape| shape.sequence(packet).wrapping_add(size as u32));
        self.items.push(Open {
            place,
            shape,
            payloads,
            bytes: place.len,
            size,
            next,
            flags,
            is_verified: false,
            is_closed: shape.is_none() || flags & PSH != 0,
        });
    }
}

impl Open {
    fn join(&mut self, buf: &[u8], packet: &[u8], place: Place, shape: &Shape) -> bool {
        let size = place.len - shape.header;
        let last = self.payloads.last().map_or(0, |payload| payload.len);
        let may_grow = !self.is_closed
            && last == self.size
            && size <= self.size
            && self.payloads.len() < MAX_SEGMENTS
            && self.bytes + size <= MAX_PACKET;
        let head = self.place.of(buf);
        if !may_grow || !shape.is_alike(head, packet) {
            return false;
        }
        if shape.protocol == TCP && shape.sequence(packet) != self.next {
            return false;
        }
        // The kernel makes a new checksum for what is joined, so nothing that is wrong may become part of it.
        if !self.is_verified && !shape.is_right(head) {
            return false;
        }
        self.is_verified = true;
        if !shape.is_right(packet) {
            return false;
        }
        self.payloads.push(Place { at: place.at + shape.header, len: size });
        self.bytes += size;
        self.next = self.next.wrapping_add(size as u32);
        if shape.protocol == TCP && shape.flags(packet) & PSH != 0 {
            self.flags |= PSH;
            self.is_closed = true;
        }
        true
    }

    /// Headers of the whole, whose checksum is left to the kernel.
    fn head(&self, buf: &[u8], shape: &Shape, out: &mut [u8; MAX_HEADER]) -> [u8; VNET_HEADER] {
        let header = &mut out[..shape.header];
        header.copy_from_slice(&self.place.of(buf)[..shape.header]);
        let (ip, transport) = header.split_at_mut(shape.ip_header);
        if shape.version == 4 {
            ip[2..4].copy_from_slice(&(self.bytes as u16).to_be_bytes());
            ip[10..12].fill(0);
            let sum = Sum::default().bytes(ip).checksum();
            ip[10..12].copy_from_slice(&sum);
        } else {
            ip[4..6].copy_from_slice(&((self.bytes - 40) as u16).to_be_bytes());
        }
        let length = self.bytes - shape.ip_header;
        let sum = pseudo(ip, shape.version, shape.protocol, length).fold().to_ne_bytes();
        let (gso, offset) = match (shape.protocol, shape.version) {
            (TCP, 4) => (Gso::Tcp4, 16),
            (TCP, _) => (Gso::Tcp6, 16),
            _ => (Gso::Udp, 6),
        };
        transport[offset..offset + 2].copy_from_slice(&sum);
        if shape.protocol == TCP {
            transport[13] = self.flags;
        } else {
            transport[4..6].copy_from_slice(&(length as u16).to_be_bytes());
        }
        let vnet = Vnet {
            needs_checksum: true,
            gso,
            gso_size: self.size as u16,
            checksum_start: shape.ip_header as u16,
            checksum_offset: offset as u16,
        };
        vnet.write(shape.header as u16)
    }
}

#[cfg(test)]
mod tests;
