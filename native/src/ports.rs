//! Both ends of the engine: sockets and a TUN device of the system's, or records that TypeScript carries (data-plane.md §2.17).

use crate::counters::Count;
use crate::inbound::Rx;
use crate::peer::Place;
use crate::records::{Kind, Record};
use crate::state::{Shared, State};

/// What leaves together: datagrams of equal length, but for the last, one after another.
#[derive(Clone, Copy)]
pub struct Datagrams<'a> {
    /// All of them.
    pub bytes: &'a [u8],
    /// Bytes of each but the last.
    pub segment: usize,
    /// How many.
    pub count: usize,
    /// The congestion bits of their IP headers.
    pub ecn: u8,
}

impl<'a> Datagrams<'a> {
    /// A single one, which no sender's congestion control depends on.
    pub fn one(bytes: &'a [u8]) -> Self {
        Self { bytes, segment: bytes.len(), count: 1, ecn: 0 }
    }

    /// Cut out of one piece.
    #[cfg(test)]
    pub fn many(bytes: &'a [u8], segment: usize) -> Self {
        Self { bytes, segment, count: bytes.len().div_ceil(segment), ecn: 0 }
    }
}

/// Towards peers.
#[derive(Default)]
pub enum Wire {
    /// Not started.
    #[default]
    Closed,
    /// TypeScript has the sockets.
    Ring,
    /// Sockets of the system's.
    #[cfg(target_os = "linux")]
    System(crate::linux::udp::Sockets),
    /// The same, a datagram at a time.
    Plain(crate::plain::sockets::Sockets),
}

/// Towards the host.
#[derive(Default)]
pub enum Host {
    /// Nobody is there.
    #[default]
    None,
    /// TypeScript is.
    Ring,
    /// A device of the system's.
    #[cfg(target_os = "linux")]
    Device(std::sync::Arc<crate::linux::tun::Tun>),
    /// One that takes a packet at a time.
    Plain(std::sync::Arc<dyn crate::plain::Device>),
}

impl Wire {
    /// Sends them, or counts them as dropped.
    pub fn send(&self, shared: &Shared, state: &State, place: Place, datagrams: &Datagrams) {
        match self {
            Self::Closed => shared.counters.add(Count::DropNoSocket, datagrams.count as u64),
            Self::Ring => {
                for datagram in datagrams.bytes.chunks(datagrams.segment.max(1)) {
                    let record = Record::new(Kind::UdpOut).aux(place.via).address(Some(place.to));
                    shared.tell(&record.data(datagram));
                }
            }
            #[cfg(target_os = "linux")]
            Self::System(sockets) => sockets.send(shared, state, place, datagrams),
            Self::Plain(sockets) => sockets.send(shared, state, place, datagrams),
        }
    }
}

impl Host {
    /// Writes what was gathered for the device.
    pub fn drain(&self, shared: &Shared, state: &State, rx: &mut Rx, buf: &[u8]) {
        #[cfg(target_os = "linux")]
        if let Self::Device(tun) = self {
            tun.drain(shared, rx, buf);
        }
        let _ = (shared, state, rx, buf);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;
    use crate::ops::Binding;

    /// Sockets of every kind that there is here.
    fn wires() -> Vec<Wire> {
        let binding = Binding::default();
        Vec::from([
            Wire::Plain(crate::plain::sockets::Sockets::open(&binding).expect("sockets")),
            #[cfg(target_os = "linux")]
            Wire::System(crate::linux::udp::Sockets::open(&binding).expect("sockets")),
        ])
    }

    #[test]
    fn what_cannot_be_sent_is_counted_and_told_once_a_second() {
        for wire in wires() {
            let shared = Shared::new().expect("an engine");
            let send = |place| wire.send(&shared, &State::default(), place, &Datagrams::one(&[1]));
            let place = Place { to: SocketAddr::from((Ipv4Addr::BROADCAST, 9)), via: 0 };
            for _ in 0..3 {
                send(place);
            }
            assert_eq!(shared.counters.get(Count::DropSendFailed), 3);
            let mut out = [0; 256];
            assert_eq!(shared.records.poll(&mut out), Ok(24));
            assert_eq!(&out[16..22], b"EACCES");
            send(Place { via: 9, ..place });
            assert_eq!(shared.counters.get(Count::DropNoSocket), 1);
        }
    }
}
