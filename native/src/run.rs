//! The unit of work: up to 64 datagrams of equal length for one peer and one path, in one buffer (data-plane.md §2.2).

use std::sync::Arc;

use crate::crypto::aead::{TAG, Text};
use crate::keypair::Keypair;
use crate::limits::{DATA_HEADER, DATA_OVERHEAD};
use crate::peer::{Peer, Ways};
use crate::ports::Datagrams;

/// Datagrams in a run: what UDP_SEGMENT takes.
pub const MAX_SEGMENTS: usize = 64;
/// Bytes in a run of more than one: what one send takes, with room for any header.
const MAX_BYTES: usize = 65_000;
/// Also room for the largest single packet.
const BUFFER: usize = 68 * 1024;

/// Whose datagrams a run holds, and where they go.
#[derive(Clone)]
pub struct Bound {
    /// To whom.
    pub peer: Arc<Peer>,
    /// Under which keys.
    pub keypair: Arc<Keypair>,
    /// Which ways.
    pub ways: Ways,
    /// With these congestion bits.
    pub ecn: u8,
}

impl Bound {
    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.keypair, &other.keypair) && self.ways == other.ways && self.ecn == other.ecn
    }
}

/// Datagrams that are laid out for the wire, and not sealed yet.
pub struct Run {
    buf: Box<[u8]>,
    texts: Vec<Text>,
    segment: usize,
    len: usize,
    bound: Option<Bound>,
}

impl Default for Run {
    fn default() -> Self {
        let texts = Vec::with_capacity(MAX_SEGMENTS);
        Self { buf: vec![0; BUFFER].into_boxed_slice(), texts, segment: 0, len: 0, bound: None }
    }
}

impl Run {
    /// Whether one more packet, padded to `padded` bytes, may follow what is there.
    pub fn takes(&self, bound: &Bound, padded: usize) -> bool {
        let Some(own) = &self.bound else { return true };
        let size = padded + DATA_OVERHEAD;
        let is_open = self.len.is_multiple_of(self.segment) && self.texts.len() < MAX_SEGMENTS;
        is_open && size <= self.segment && self.len + size <= MAX_BYTES && own.is_same(bound)
    }

    /// Lays out a packet of `length` bytes, padded with zeros to `padded`, which `write` puts in its place.
    pub fn append(&mut self, bound: &Bound, length: usize, padded: usize, write: impl FnOnce(&mut [u8])) {
        let size = padded + DATA_OVERHEAD;
        if self.bound.is_none() {
            self.bound = Some(bound.clone());
            self.segment = size;
        }
        let counter = bound.keypair.take_counter();
        let place = &mut self.buf[self.len..self.len + size - TAG];
        let (header, text) = place.split_at_mut(DATA_HEADER);
        header[..4].copy_from_slice(&[4, 0, 0, 0]);
        header[4..8].copy_from_slice(&bound.keypair.remote_index.to_le_bytes());
        header[8..].copy_from_slice(&counter.to_le_bytes());
        write(&mut text[..length]);
        text[length..].fill(0);
        self.texts.push(Text { at: self.len + DATA_HEADER, len: padded, counter });
        self.len += size;
    }

    /// Seals all and hands them over.
    pub fn flush(&mut self, send: impl FnOnce(&Bound, &Datagrams)) {
        let Some(bound) = self.bound.take() else { return };
        let sealed = &mut self.buf[..self.len];
        bound.keypair.sealer.seal(sealed, &self.texts);
        let count = self.texts.len();
        send(&bound, &Datagrams { bytes: sealed, segment: self.segment, count, ecn: bound.ecn });
        self.texts.clear();
        self.len = 0;
    }
}
