//! What may come in: the rules that the server sent, and answers to what this host began (data-plane.md §4.8).

pub mod flows;
pub mod rules;
mod sets;
pub mod transport;

use std::net::{IpAddr, SocketAddr};

use crate::inner::{ICMP, ICMPV6, Inner, SCTP, TCP, UDP};
use flows::{Flow, FlowTable};
use rules::{Found, Rules, VerdictCache};
use transport::{Readable, Transport};

/// Why a packet does not pass, or that it does. The numbers are those of records to TypeScript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Verdict {
    /// It may go on.
    Pass = 0,
    /// Its transport header cannot be read.
    Unreadable = 1,
    /// Multicast has no place in a tunnel.
    Multicast = 2,
    /// Nor have link-local addresses.
    LinkLocal = 3,
    /// No rule lets it in.
    Filtered = 4,
    /// Its peer may only answer.
    Jailed = 5,
}

const TCP_SYN: u8 = 2;
const TCP_ACK: u8 = 16;

/// Rules, open ports and memory of flows.
#[derive(Default)]
pub struct PacketFilter {
    /// None = everything passes: an engine without a network's policy.
    pub rules: Option<Rules>,
    /// Where every peer may begin a TCP connection.
    pub open: Vec<SocketAddr>,
    /// Counts changes of the rules, so that remembered verdicts end.
    pub generation: u64,
    flows: FlowTable,
}

impl PacketFilter {
    /// A packet for the wire: what answers it may come in.
    pub fn outbound(&self, packet: &Inner, now: u64) -> Verdict {
        if self.rules.is_none() {
            return Verdict::Pass;
        }
        let transport = Transport::read(packet);
        let destination = packet.destination();
        if let Some(early) = judge_headers(&transport, destination) {
            return early;
        }
        if matches!(transport.protocol, UDP | SCTP) {
            let flow = Flow {
                protocol: transport.protocol,
                from_port: transport.destination_port,
                to_port: transport.source_port,
                from: destination,
                to: packet.source(),
            };
            self.flows.note(&flow, now);
        }
        Verdict::Pass
    }

    /// A packet of a peer, whose source was proven to be the peer's. From a jailed one only answers pass.
    pub fn inbound(&self, packet: &Inner, now: u64, is_jailed: bool, cache: &mut VerdictCache) -> Verdict {
        if self.rules.is_none() && !is_jailed {
            return Verdict::Pass;
        }
        let transport = Transport::read(packet);
        let destination = packet.destination();
        if let Some(early) = judge_headers(&transport, destination) {
            return early;
        }
        if is_answer(&transport) || self.is_known_flow(packet, &transport, now) {
            return Verdict::Pass;
        }
        if !is_jailed && self.matches_rule(packet, &transport, cache) {
            return Verdict::Pass;
        }
        let at = SocketAddr::new(destination, transport.destination_port);
        if transport.protocol == TCP && self.open.contains(&at) {
            return Verdict::Pass;
        }
        if is_jailed { Verdict::Jailed } else { Verdict::Filtered }
    }

    fn is_known_flow(&self, packet: &Inner, transport: &Transport, now: u64) -> bool {
        if !matches!(transport.protocol, UDP | SCTP) {
            return false;
        }
        let flow = Flow {
            protocol: transport.protocol,
            from_port: transport.source_port,
            to_port: transport.destination_port,
            from: packet.source(),
            to: packet.destination(),
        };
        self.flows.has(&flow, now)
    }

    fn matches_rule(&self, packet: &Inner, transport: &Transport, cache: &mut VerdictCache) -> bool {
        let Some(rules) = &self.rules else { return false };
        let (source, destination) = (packet.source(), packet.destination());
        let found = cache.get(self.generation, source, destination, transport, || {
            rules.find(source, destination, transport.protocol, transport.destination_port)
        });
        rules.count(found);
        matches!(found, Found::Rule(_))
    }
}

/// What is decided before any rule.
fn judge_headers(transport: &Transport, destination: IpAddr) -> Option<Verdict> {
    if transport.kind == Readable::Unknown {
        return Some(Verdict::Unreadable);
    }
    if let Some(bad) = bad_destination(destination) {
        return Some(bad);
    }
    (transport.kind == Readable::LaterFragment).then_some(Verdict::Pass)
}

/// Multicast and link-local addresses have no place in a tunnel, but for the clouds' metadata service.
fn bad_destination(ip: IpAddr) -> Option<Verdict> {
    match ip {
        IpAddr::V4(ip) if ip.is_link_local() => (ip.octets()[2..] != [169, 254]).then_some(Verdict::LinkLocal),
        IpAddr::V4(ip) => ip.is_multicast().then_some(Verdict::Multicast),
        IpAddr::V6(ip) if ip.is_multicast() => Some(Verdict::Multicast),
        IpAddr::V6(ip) => (ip.segments()[0] & 0xffc0 == 0xfe80).then_some(Verdict::LinkLocal),
    }
}

/// Part of something that began before: all of TCP but its first packet, ICMP's answers and errors.
fn is_answer(transport: &Transport) -> bool {
    match transport.protocol {
        TCP => transport.tcp_flags & (TCP_SYN | TCP_ACK) != TCP_SYN,
        // Echo reply, unreachable, time exceeded, parameter problem.
        ICMP => matches!(transport.icmp_type, 0 | 3 | 11 | 12),
        // Echo reply and the four errors of RFC 4443 §3.
        ICMPV6 => matches!(transport.icmp_type, 129 | 1..=4),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::Policy;

    #[test]
    fn messages_of_the_other_versions_icmp_are_no_answers() {
        let rules = Some(Rules::compile(&Policy::default()));
        let filter = PacketFilter { rules, ..PacketFilter::default() };
        let judge = |version: u8, protocol: u8, kind: u8| {
            let mut packet = vec![0; 48];
            (packet[0], packet[3]) = (version << 4 | 5, 48);
            if version == 4 {
                (packet[9], packet[20]) = (protocol, kind);
            } else {
                packet[3] = 0;
                (packet[5], packet[6], packet[40]) = (8, protocol, kind);
            }
            let inner = Inner::parse(&packet).expect("a packet");
            filter.inbound(&inner, 1, false, &mut VerdictCache::default())
        };
        for kind in [0, 3, 11, 12] {
            assert_eq!((judge(4, ICMP, kind), judge(6, ICMP, kind)), (Verdict::Pass, Verdict::Unreadable), "{kind}");
        }
        for kind in [1, 2, 3, 4, 129] {
            assert_eq!(
                (judge(6, ICMPV6, kind), judge(4, ICMPV6, kind)),
                (Verdict::Pass, Verdict::Unreadable),
                "{kind}"
            );
        }
    }
}
