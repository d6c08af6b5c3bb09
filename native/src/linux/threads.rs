//! Two threads: from the host to the wire, and back. Each reads, decides, ciphers and writes by itself (data-plane.md §2.8).

use std::io;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use super::udp::Received;
use crate::counters::Count;
use crate::errno;
use crate::inbound::Origin;
use crate::limits::MAX_PACKET;
use crate::offload::split::{Split, finish_checksum};
use crate::offload::vnet::{Gso, VNET_HEADER, Vnet};
use crate::peer::Place;
use crate::ports::{Host, Wire};
use crate::records::{Kind, Record};
use crate::state::Shared;
use crate::system;
use crate::wake::Wake;

/// Reads of the device between two looks at anything else: large packets, and others.
const LARGE_READS: usize = 8;
const PLAIN_READS: usize = 64;
/// Reads of a socket between two looks at the others.
const SOCKET_READS: usize = 8;
/// The largest datagram, and many that came together.
const RECEIVE_BUFFER: usize = 64 * 1024;
const STOP: u64 = u64::MAX;

struct Ending {
    is_wanted: AtomicBool,
    wake: Wake,
}

/// Threads of a running engine; dropping them ends them.
pub struct Threads {
    ending: Arc<Ending>,
    threads: Vec<JoinHandle<()>>,
}

impl Threads {
    /// One for each side that the system plays.
    pub fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let ending = Arc::new(Ending { is_wanted: AtomicBool::new(false), wake: Wake::new()? });
        let mut all = Self { ending, threads: Vec::new() };
        let state = shared.read();
        let has_device = if let Host::Device(tun) = &state.host {
            let coalescer = &mut shared.rx().coalescer;
            (coalescer.tcp, coalescer.udp) = tun.takes();
            true
        } else {
            false
        };
        let has_sockets = matches!(&state.wire, Wire::System(_));
        drop(state);
        if has_device {
            all.spawn("pe-tx", shared, send_loop)?;
        }
        if has_sockets {
            all.spawn("pe-rx", shared, receive_loop)?;
        }
        Ok(all)
    }

    fn spawn(&mut self, name: &str, shared: &Arc<Shared>, work: fn(&Shared, &Ending)) -> io::Result<()> {
        let (shared, ending) = (shared.clone(), self.ending.clone());
        let body = move || {
            system::block_signals();
            if catch_unwind(AssertUnwindSafe(|| work(&shared, &ending))).is_err() {
                shared.poison();
            }
        };
        self.threads.push(Builder::new().name(name.to_owned()).spawn(body)?);
        Ok(())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.ending.is_wanted.store(true, Ordering::Release);
        self.ending.wake.signal();
        for thread in self.threads.drain(..) {
            // It has caught its own panic, and told of it.
            let _ = thread.join();
        }
    }
}

fn is_over(shared: &Shared, ending: &Ending) -> bool {
    ending.is_wanted.load(Ordering::Acquire) || shared.is_poisoned()
}

fn send_loop(shared: &Shared, ending: &Ending) {
    let tun = match &shared.read().host {
        Host::Device(tun) => tun.clone(),
        _ => return,
    };
    let mut buf = vec![0; VNET_HEADER + MAX_PACKET];
    let mut polls = [
        libc::pollfd { fd: tun.fd(), events: libc::POLLIN, revents: 0 },
        libc::pollfd { fd: ending.wake.fd(), events: libc::POLLIN, revents: 0 },
    ];
    loop {
        // SAFETY: two structures of ours.
        unsafe { libc::poll(polls.as_mut_ptr(), 2, -1) };
        if is_over(shared, ending) {
            return;
        }
        let state = shared.read();
        let mut tx = shared.tx();
        let now = shared.clock.now();
        let mut left = PLAIN_READS;
        while left > 0 {
            match tun.read(&mut buf) {
                Ok(Some(count)) => {
                    let is_large = from_device(shared, &state, &mut tx, &mut buf[..count], now);
                    left = left.saturating_sub(if is_large { PLAIN_READS / LARGE_READS } else { 1 });
                }
                Ok(None) => break,
                Err(error) => {
                    let why = errno::name(error.raw_os_error().unwrap_or(0));
                    shared.tell(&Record::new(Kind::Device).aux(1).data(why.as_bytes()));
                    return shared.flush_runs(&state, &mut tx);
                }
            }
        }
        // Nothing is held back across a wait.
        shared.flush_runs(&state, &mut tx);
    }
}

/// One read; true for a large packet.
fn from_device(
    shared: &Shared,
    state: &crate::state::State,
    tx: &mut crate::outbound::Tx,
    read: &mut [u8],
    now: u64,
) -> bool {
    let Some((header, packet)) = read.split_first_chunk_mut::<VNET_HEADER>() else {
        shared.count(Count::DropBadVnet);
        return false;
    };
    let Some(vnet) = Vnet::read(header) else {
        shared.count(Count::DropBadVnet);
        return false;
    };
    if vnet.gso == Gso::None {
        if vnet.needs_checksum && !finish_checksum(packet, &vnet) {
            shared.count(Count::DropBadVnet);
        } else {
            shared.send_from_host(state, tx, packet, None, now);
        }
        return false;
    }
    match Split::of(packet, &vnet) {
        Some(split) => shared.send_from_host(state, tx, packet, Some(split), now),
        None => shared.count(Count::DropBadVnet),
    }
    true
}

fn receive_loop(shared: &Shared, ending: &Ending) {
    let epoll = match &shared.read().wire {
        Wire::System(sockets) => sockets.epoll(),
        _ => return,
    };
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: STOP };
    // SAFETY: the call copies the event.
    unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, ending.wake.fd(), &mut event) };
    let mut buf = vec![0; RECEIVE_BUFFER];
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; 16];
    loop {
        // SAFETY: the call writes at most as many as there are.
        let count = unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), events.len() as i32, -1) };
        if is_over(shared, ending) {
            return;
        }
        for event in events.iter().take(usize::try_from(count).unwrap_or(0)) {
            let token = event.u64;
            receive_some(shared, token, &mut buf);
        }
    }
}

fn receive_some(shared: &Shared, token: u64, buf: &mut [u8]) {
    let via = (token >> 1) as u32;
    for _ in 0..SOCKET_READS {
        // Taken anew each time, so that whoever wants to change something comes in between.
        let state = shared.read();
        let Wire::System(sockets) = &state.wire else { return };
        let Some(socket) = sockets.get(token) else { return };
        match socket.receive(buf) {
            Received::Datagrams { from, len, segment } => {
                let origin = Origin::Wire(Place { to: from, via });
                let now = shared.clock.now();
                shared.receive(&state, &mut shared.rx(), &mut buf[..len], segment, &origin, now);
            }
            Received::Truncated => shared.count(Count::DropTruncated),
            Received::Odd => {}
            Received::Nothing => return,
        }
    }
}
