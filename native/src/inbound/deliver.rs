//! Inner packets: what a peer may send us, and to whom it goes (data-plane.md §1.7, §4.8).

use std::sync::Arc;

use super::Rx;
use crate::counters::Count;
use crate::crypto::aead::Text;
use crate::filter::Verdict;
use crate::inner::{Inner, TSMP};
use crate::offload::coalesce::Place as Span;
use crate::peer::Peer;
use crate::ports::Host;
use crate::records::{Kind, Record, Way};
use crate::state::{LocalUse, Shared, State};

impl Shared {
    /// Version, length, cryptokey routing, then to whom it belongs.
    pub(super) fn inner(&self, state: &State, rx: &mut Rx, peer: &Arc<Peer>, buf: &[u8], text: Text, now: u64) {
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
                if let Err(error) = device.write(span.of(buf)) {
                    self.tun_error(&error, 1);
                }
            }
        }
    }

    /// An inner packet that TypeScript has for the host.
    pub fn to_host(&self, state: &State, packet: &[u8]) -> bool {
        self.tap(state, Way::ToHost, packet);
        let result = match &state.host {
            Host::None => {
                self.count(Count::DropTunWrite);
                return false;
            }
            Host::Ring => {
                self.tell(&Record::new(Kind::ToHost).data(packet));
                return true;
            }
            #[cfg(target_os = "linux")]
            Host::Device(tun) => tun.write_one(packet),
            Host::Plain(device) => device.write(packet),
        };
        if let Err(error) = &result {
            self.tun_error(error, 1);
        }
        result.is_ok()
    }
}
