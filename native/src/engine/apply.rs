//! Batches of operations: checked as a whole, made ready, and done under the writer's lock (data-plane.md §4.5).

use std::collections::HashSet;
use std::sync::Arc;

use super::{Control, Engine, Failure};
use crate::counters::Count;
use crate::errno;
use crate::filter::rules::Rules;
use crate::keypair::Keypair;
use crate::ops::{self, Binding, LocalIps, NewKeypair, Op, Rebind};
use crate::peer::{Path, Peer, set};
use crate::plan;
use crate::ports::Wire;
use crate::records::{Kind, Record};
use crate::state::{LocalUse, Locals, State};
use crate::table::{Prefix, PrefixTable};

impl Engine {
    /// Does all operations of a batch, or none.
    pub fn apply(&self, bytes: &[u8]) -> Result<(), (Failure, Option<plan::Refusal>)> {
        let ops = ops::read(bytes).ok_or((Failure::Invalid, None))?;
        // From the checks on: nothing that another thread does may come between them and what they allow.
        let mut control = self.control();
        for op in &ops {
            match op {
                Op::Clock(now) => self.shared.clock.set(*now),
                Op::RunClock(now) => self.shared.clock.run_from(*now),
                _ => {}
            }
        }
        let now = self.shared.clock.now();
        let checked = plan::check(&ops, &self.shared.read(), &self.shared.indices(), now);
        checked.map_err(|refusal| (Failure::Refused, Some(refusal)))?;
        // What takes long is made ready before anybody has to wait for it, and what it replaces ends after that.
        let ready: Vec<Ready> = ops.into_iter().map(Ready::of).collect();
        let mut replaced = Vec::new();
        let mut state = self.shared.write();
        for op in ready {
            match op {
                Ready::Plain(op) => {
                    if let Op::PeerDel(id) = &op {
                        replaced.extend(state.peers.get(id).cloned().map(Ready::Peer));
                    }
                    self.carry_out(&mut control, &mut state, op, now);
                }
                made => replaced.push(put_in_place(&mut state, made)),
            }
        }
        let mut tx = self.shared.tx();
        self.shared.flush_runs(&state, &mut tx);
        Ok(())
    }

    fn carry_out(&self, control: &mut Control, state: &mut State, op: Op, now: u64) {
        let shared = &*self.shared;
        match op {
            Op::SetIdentity(key) => shared.rx().guard.set_identity(key),
            Op::RoutesChange { remove, add } => {
                for prefix in remove {
                    state.routes.delete(prefix);
                }
                for (prefix, peer) in add {
                    state.routes.set(prefix, peer);
                }
            }
            Op::TcpOpen(open) => state.filter.open = open,
            Op::InstallKeypair(keypair) => self.install(state, &keypair, now),
            Op::PendingDel(index) => shared.indices_mut().drop_pending(index),
            Op::EraseKeys(0) => state.peers.values().for_each(|peer| self.erase(peer)),
            Op::Bind(rebind) => self.rebind(control, state, rebind),
            Op::Flags(flags) => state.set_flags(flags),
            Op::SocketOpen { socket, is_ipv6 } => self.open_socket(control, state, socket, is_ipv6),
            Op::SocketClose(socket) => {
                state.extra.remove(&socket);
                match &mut state.wire {
                    #[cfg(target_os = "linux")]
                    Wire::System(sockets) => sockets.close_extra(socket),
                    Wire::Plain(sockets) => sockets.close_extra(socket),
                    Wire::Closed | Wire::Ring => {}
                }
                self.leave_socket(state, socket, now);
            }
            Op::ExpireHeld => shared.expire_held(state, now),
            Op::Capture(is_tapped) => state.is_tapped = is_tapped,
            Op::Configure(config) => control.config = Some(config),
            Op::PeerDel(id)
            | Op::EraseKeys(id)
            | Op::ExpireSend(id)
            | Op::DropStaged(id)
            | Op::SendKeepalive(id)
            | Op::PendingAdd { peer: id, .. }
            | Op::EraseOlderKeys { peer: id, .. }
            | Op::PathSet { peer: id, .. }
            | Op::PeerHeard { peer: id, .. } => {
                if let Some(peer) = state.peers.get(&id).cloned() {
                    self.with_peer(state, &peer, op, now);
                }
            }
            // Done already, or made ready above.
            Op::Clock(_)
            | Op::RunClock(_)
            | Op::PeerAdd { .. }
            | Op::RoutesSet(_)
            | Op::LocalIps(_)
            | Op::FilterSet(_) => {}
        }
    }

    fn with_peer(&self, state: &mut State, peer: &Arc<Peer>, op: Op, now: u64) {
        let shared = &*self.shared;
        match op {
            Op::PeerDel(id) => {
                self.erase(peer);
                state.peers.remove(&id);
            }
            Op::PendingAdd { index, .. } => shared.indices_mut().add_pending(index, peer.clone()),
            Op::EraseKeys(_) => self.erase(peer),
            Op::EraseOlderKeys { created_before_ms, .. } => {
                let freed = peer.link().slots.clear_older(created_before_ms);
                shared.free(freed);
            }
            Op::ExpireSend(_) => {
                let mut link = peer.link();
                link.slots.expire_send();
                link.forget_needed();
            }
            Op::DropStaged(_) => self.drop_staged(peer),
            Op::PathSet { path, .. } => {
                peer.link().path = path;
                self.check_via(state, peer, &path, now);
                shared.path_changed(state, &mut shared.tx(), peer, now);
            }
            Op::PeerHeard { place, .. } => shared.note_source(peer, place, now),
            Op::SendKeepalive(_) => shared.keepalive(state, &mut shared.tx(), peer, now),
            _ => {}
        }
    }

    fn install(&self, state: &State, given: &NewKeypair, now: u64) {
        let shared = &*self.shared;
        let Some(peer) = state.peers.get(&given.peer) else { return };
        let keypair = Arc::new(Keypair::new(given));
        shared.indices_mut().add_keypair(peer.clone(), keypair.clone());
        // The message that completed it was authentic: whatever was unanswered is answered.
        shared.touch_received(peer, now);
        let mut link = peer.link();
        link.forget_needed();
        let freed = if given.is_initiator {
            link.slots.install_as_initiator(keypair)
        } else {
            link.slots.install_as_responder(keypair)
        };
        drop(link);
        shared.free(freed);
        if given.is_initiator {
            set(&peer.activity.last_handshake_ms, now);
            shared.flush_staged(state, &mut shared.tx(), peer, true, now);
        }
    }

    pub(super) fn erase(&self, peer: &Arc<Peer>) {
        let mut link = peer.link();
        let freed = link.slots.clear();
        link.forget_needed();
        drop(link);
        self.shared.free(freed);
        self.shared.indices_mut().drop_peer(peer.id);
        self.drop_staged(peer);
    }

    fn drop_staged(&self, peer: &Peer) {
        let mut link = peer.link();
        if let Some(rare) = link.rare_if_any() {
            let dropped = rare.staged.clear(&self.shared.staged);
            rare.held = None;
            self.shared.counters.add(Count::DropStaged, dropped);
        }
    }

    fn check_via(&self, state: &mut State, peer: &Arc<Peer>, path: &Path, now: u64) {
        let Some(place) = path.direct.filter(|place| place.via != 0) else { return };
        if !state.extra.contains(&place.via) {
            return self.leave_direct(peer, now);
        }
        match &state.wire {
            #[cfg(target_os = "linux")]
            Wire::System(sockets) => sockets.grow(place.via),
            Wire::Plain(sockets) => sockets.grow(place.via),
            Wire::Closed | Wire::Ring => {}
        }
    }

    /// No path leads through a socket that is gone.
    fn leave_socket(&self, state: &State, via: u32, now: u64) {
        for peer in state.peers.values() {
            if peer.link().path.direct.is_some_and(|place| place.via == via) {
                self.leave_direct(peer, now);
            }
        }
    }

    fn leave_direct(&self, peer: &Arc<Peer>, now: u64) {
        let mut link = peer.link();
        let old = link.path;
        link.path = old.without_direct();
        if old.ways(now).direct.is_some() && old.relay.is_none() {
            self.shared.need_path(peer, &mut link, now);
        }
    }

    fn rebind(&self, control: &mut Control, state: &mut State, rebind: Rebind) {
        control.binding = Binding {
            port: rebind.port,
            mark: rebind.mark.or(control.binding.mark),
            dont_fragment: rebind.dont_fragment.unwrap_or(control.binding.dont_fragment),
        };
        let result = match &mut state.wire {
            #[cfg(target_os = "linux")]
            Wire::System(sockets) => sockets.rebind(&control.binding),
            Wire::Plain(sockets) => sockets.rebind(&control.binding),
            Wire::Closed | Wire::Ring => Ok(()),
        };
        if let Err(error) = result {
            let name = errno::name(errno::number(&error));
            self.shared.tell(&Record::new(Kind::Device).aux(2).data(name.as_bytes()));
        }
    }

    fn open_socket(&self, control: &Control, state: &mut State, socket: u32, is_ipv6: bool) {
        let error = |code: &str| {
            self.shared.tell(&Record::new(Kind::PathError).aux(socket).data(code.as_bytes()));
        };
        let opened = match &mut state.wire {
            Wire::Closed => return error("not-running"),
            Wire::Ring => Ok(()),
            #[cfg(target_os = "linux")]
            Wire::System(sockets) => sockets.open_extra(socket, is_ipv6, &control.binding),
            Wire::Plain(sockets) => sockets.open_extra(socket, is_ipv6, &control.binding),
        };
        if let Err(failed) = opened {
            return error(&errno::name(errno::number(&failed)));
        }
        state.extra.insert(socket);
    }
}

/// An operation whose slow part is done.
enum Ready<'a> {
    Plain(Op<'a>),
    Peer(Arc<Peer>),
    Routes(PrefixTable<u32>),
    Locals(Locals),
    Rules(Option<Rules>),
}

impl<'a> Ready<'a> {
    fn of(op: Op<'a>) -> Self {
        match op {
            Op::PeerAdd { peer, public_key, is_jailed, is_wireguard_only } => {
                Self::Peer(Arc::new(Peer::new(peer, *public_key, is_wireguard_only, is_jailed)))
            }
            Op::RoutesSet(routes) => {
                let mut table = PrefixTable::default();
                for (prefix, peer) in routes {
                    table.set(prefix, peer);
                }
                Self::Routes(table)
            }
            Op::LocalIps(given) => Self::Locals(locals(&given)),
            Op::FilterSet(policy) => Self::Rules(policy.as_ref().map(Rules::compile)),
            op => Self::Plain(op),
        }
    }
}

/// Gives what was there before, which may be large: it is for the caller to drop.
fn put_in_place<'a>(state: &mut State, made: Ready<'a>) -> Ready<'a> {
    use std::mem::replace;
    match made {
        Ready::Peer(peer) => {
            state.peers.insert(peer.id, peer.clone());
            Ready::Peer(peer)
        }
        Ready::Routes(table) => Ready::Routes(replace(&mut state.routes, table)),
        Ready::Locals(locals) => Ready::Locals(replace(&mut state.locals, locals)),
        Ready::Rules(rules) => {
            state.filter.generation += 1;
            Ready::Rules(replace(&mut state.filter.rules, rules))
        }
        Ready::Plain(op) => Ready::Plain(op),
    }
}

fn locals(given: &LocalIps) -> Locals {
    let mut table = PrefixTable::default();
    // Equal prefixes are the last one's: what is ours stays ours, whatever is advertised.
    let uses =
        [(&given.forwarded, LocalUse::Forwarded), (&given.service, LocalUse::Service), (&given.own, LocalUse::Own)];
    for (prefixes, meaning) in uses {
        for prefix in prefixes {
            table.set(*prefix, meaning);
        }
    }
    let beside: HashSet<Prefix> = given.beside.iter().copied().collect();
    let mut networks = PrefixTable::default();
    for prefix in &beside {
        networks.set(*prefix, ());
    }
    Locals { table, has_own: !given.own.is_empty(), beside: (!beside.is_empty()).then_some(networks) }
}
