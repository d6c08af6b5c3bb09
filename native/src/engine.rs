//! One engine: what TypeScript asks of it, in terms of the parts that do it (data-plane.md §4.2).

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::codec::Reader;
use crate::counters::Count;
use crate::errno;
use crate::filter::rules::Rules;
use crate::guard::UNDER_LOAD_BACKLOG;
use crate::inbound::{Opened, Origin};
use crate::keypair::Keypair;
use crate::limits::MAX_PACKET;
use crate::ops::{self, Binding, Config, LocalIps, NewKeypair, Op, Rebind, Side};
use crate::outbound::{Packets, Tx};
use crate::peer::{Path, Peer, Place, set};
use crate::plan;
use crate::ports::{Host, Wire};
use crate::records::{Kind, Record, Way};
use crate::state::{LocalUse, Locals, Shared, State};
use crate::table::{Prefix, PrefixTable};

/// Why a call failed. The numbers are those of data-plane.md §4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Failure {
    Invalid,
    Stale,
    TooSmall,
    /// What this system does not have.
    #[cfg(windows)]
    NotSupported,
    WrongState,
    /// A batch was refused; the result says why.
    Refused,
    /// The engine failed before.
    Panicked,
    Config,
    /// The device could not be opened; an error of the system's.
    Device(i32),
    /// A socket, a thread or anything else could not be had.
    System(i32),
}

impl Failure {
    /// As a return value.
    pub fn code(self) -> i32 {
        match self {
            Self::Invalid => -1,
            Self::Stale => -2,
            Self::TooSmall => -4,
            #[cfg(windows)]
            Self::NotSupported => -5,
            Self::WrongState => -6,
            Self::Refused => -8,
            Self::Panicked => -9,
            Self::Config => -10,
            Self::Device(errno) => -1000 - errno,
            Self::System(errno) => -2000 - errno,
        }
    }

    /// Why there is no device.
    pub fn device(error: io::Error) -> Self {
        Self::Device(errno::number(&error))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::System(errno::number(&error))
    }
}

/// What only the calling thread uses.
#[derive(Default)]
struct Control {
    config: Option<Config>,
    binding: Binding,
    /// For datagrams that TypeScript brings.
    scratch: Vec<u8>,
    opened: Opened,
    threads: Option<Threads>,
}

/// Dropping them ends them.
struct Threads {
    #[cfg(target_os = "linux")]
    _linux: crate::linux::threads::Threads,
    _plain: crate::plain::threads::Threads,
}

impl Threads {
    /// `count` for each way, where they share the work.
    fn start(shared: &Arc<Shared>, count: usize) -> io::Result<Self> {
        #[cfg(not(target_os = "linux"))]
        let _ = count;
        Ok(Self {
            #[cfg(target_os = "linux")]
            _linux: crate::linux::threads::Threads::start(shared, count)?,
            _plain: crate::plain::threads::Threads::start(shared)?,
        })
    }
}

/// An engine and its threads.
pub struct Engine {
    shared: Arc<Shared>,
    control: Mutex<Control>,
}

/// The smallest MTU that IPv4 must have, and the largest inner packet of IPv4 in IPv6 down to a multiple of 16.
const MTUS: std::ops::RangeInclusive<u32> = 576..=65_440;

impl Engine {
    /// Without threads and descriptors, but for the one that wakes the reader.
    pub fn new() -> io::Result<Self> {
        let shared = Arc::new(Shared::new()?);
        Ok(Self { shared, control: Mutex::default() })
    }

    /// What its parts share.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Opens what the configuration asks for, and starts threads where the system plays a side.
    pub fn start(&self) -> Result<(), Failure> {
        let mut control = self.control();
        let config = control.config.clone().ok_or(Failure::WrongState)?;
        if self.shared.read().is_running {
            return Err(Failure::WrongState);
        }
        if !MTUS.contains(&config.mtu) {
            return Err(Failure::Config);
        }
        let ends = open(&config)?;
        self.start_with(&mut control, &config, ends)
    }

    /// The same with what another engine had open, which failed: its device keeps its routes, its sockets their port.
    pub fn start_from(&self, failed: &Self) -> Result<(), Failure> {
        let mut control = self.control();
        let config = control.config.clone().ok_or(Failure::WrongState)?;
        if self.shared.read().is_running {
            return Err(Failure::WrongState);
        }
        let threads = failed.control().threads.take();
        drop(threads);
        let mut old = failed.shared.write();
        let ends = (std::mem::take(&mut old.wire), std::mem::take(&mut old.host));
        old.is_running = false;
        drop(old);
        self.start_with(&mut control, &config, ends)
    }

    fn start_with(&self, control: &mut Control, config: &Config, ends: (Wire, Host)) -> Result<(), Failure> {
        let (wire, host) = ends;
        control.binding = config.binding;
        let mut state = self.shared.write();
        state.wire = wire;
        state.host = host;
        let flags = state.flags;
        state.set_flags(flags);
        state.mtu = config.mtu as usize;
        state.is_running = true;
        self.shared.rx().guard.restart(config.under_load.unwrap_or(UNDER_LOAD_BACKLOG));
        drop(state);
        if config.wire == Side::System || config.host == Side::System {
            match Threads::start(&self.shared, config.threads as usize) {
                Ok(threads) => control.threads = Some(threads),
                Err(error) => {
                    self.close();
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// Ends threads and closes descriptors; what it knows stays.
    pub fn stop(&self) {
        let threads = self.control().threads.take();
        drop(threads);
        self.close();
        // Whoever waits for records need not wait any longer.
        self.shared.records.wake.signal();
    }

    fn close(&self) {
        let mut state = self.shared.write();
        state.is_running = false;
        state.wire = Wire::Closed;
        state.host = Host::None;
        state.extra.clear();
    }

    /// Ends it, and wipes all keys.
    pub fn destroy(&self) {
        self.stop();
        let mut state = self.shared.write();
        let peers = std::mem::take(&mut state.peers);
        for peer in peers.values() {
            self.erase(peer);
        }
        self.shared.records.clear();
    }

    /// Does all operations of a batch, or none.
    pub fn apply(&self, bytes: &[u8]) -> Result<(), (Failure, Option<plan::Refusal>)> {
        let ops = ops::read(bytes).ok_or((Failure::Invalid, None))?;
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
        let mut control = self.control();
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

    fn erase(&self, peer: &Arc<Peer>) {
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

    /// Takes packets in; gives how many were accepted, or none when the batch cannot be read.
    pub fn inject(&self, bytes: &[u8]) -> Option<u32> {
        let mut control = self.control();
        let state = self.shared.read();
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
            } else if self.inject_one(&mut control, &state, number, &mut payload, now)? {
                accepted += 1;
            }
        }
        self.shared.flush_runs(&state, &mut self.shared.tx());
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
            67 => {
                let packet = from.rest();
                let is_short = packet.len() <= MAX_PACKET;
                if is_short {
                    shared.note_echo(packet, now);
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
            71 => {
                shared.send_from_host(state, &mut shared.tx(), from.rest(), None, now);
                true
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

    /// Bound UDP port, 0 without one, and the name of the device.
    pub fn ends(&self) -> (u16, String) {
        let state = self.shared.read();
        let port = match &state.wire {
            #[cfg(target_os = "linux")]
            Wire::System(sockets) => sockets.port(),
            Wire::Plain(sockets) => sockets.port(),
            Wire::Closed | Wire::Ring => 0,
        };
        let name = match &state.host {
            #[cfg(target_os = "linux")]
            Host::Device(tun) => tun.name().to_owned(),
            Host::Plain(device) => device.name().to_owned(),
            Host::None | Host::Ring => String::new(),
        };
        (port, name)
    }

    fn control(&self) -> std::sync::MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(config: &Config) -> Result<(Wire, Host), Failure> {
    let host = match config.host {
        Side::None => Host::None,
        Side::Ring => Host::Ring,
        Side::System => open_device(config)?,
    };
    let wire = match config.wire {
        Side::None => Wire::Closed,
        Side::Ring => Wire::Ring,
        #[cfg(target_os = "linux")]
        Side::System if !config.is_plain => Wire::System(crate::linux::udp::Sockets::open(&config.binding)?),
        Side::System => Wire::Plain(crate::plain::sockets::Sockets::open(&config.binding)?),
    };
    Ok((wire, host))
}

fn open_device(config: &Config) -> Result<Host, Failure> {
    #[cfg(target_os = "linux")]
    if !config.is_plain {
        match crate::linux::tun::Tun::open(&config.name, config.mtu) {
            Ok(device) => return Ok(Host::Device(Arc::new(device))),
            // Sandboxes may lack vnet headers.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
            Err(error) => return Err(Failure::device(error)),
        }
    }
    crate::plain::open_device(&config.name, config.mtu)
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
