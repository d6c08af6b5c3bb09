//! From the host to the wire, and back: a row of threads for each way. One reads at a time; whoever has read something large
//! lets the next one read, ciphers, and gives it away when its turn comes (data-plane.md §2.8). So there is no queue between
//! threads, and on few cores one thread of each kind does everything by itself.

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle, available_parallelism};

use super::manners::Manners;
use super::socket::Received;
use super::tun::Tun;
use crate::counters::Count;
use crate::errno;
use crate::inbound::{Opened, Origin};
use crate::limits::MAX_PACKET;
use crate::offload::split::{Split, finish_checksum};
use crate::offload::vnet::{Gso, VNET_HEADER, Vnet};
use crate::order::{Order, Turn};
use crate::outbound::Tx;
use crate::peer::Place;
use crate::ports::{Host, Wire};
use crate::records::{Kind, Record};
use crate::state::{Shared, State};
use crate::system;
use crate::wake::Wake;

/// Reads of the device that are worked on together.
const DEVICE_READS: usize = 64;
/// Room for two of the largest, or for many small ones.
const DEVICE_BUFFER: usize = 2 * (VNET_HEADER + MAX_PACKET);
/// Reads of a socket between two looks at the others.
const SOCKET_READS: usize = 8;
/// The largest datagram, and many that came together.
const RECEIVE_BUFFER: usize = 64 * 1024;
/// Less than this is done before another thread could be awake.
const WORTH_SHARING: usize = 16 * 1024;
const STOP: u64 = u64::MAX;
/// More would wait for each other: reading and writing take about as long as the cipher, and are done one after another.
const MAX_THREADS: usize = 4;

/// How many threads there are for each way, unless it is told: the machine has other things to do too.
fn threads_for(cores: usize) -> usize {
    if cores <= 4 { 1 } else { cores.div_ceil(4).min(MAX_THREADS) }
}

struct Ending {
    is_wanted: AtomicBool,
    wake: Wake,
}

/// What the threads of one way share: what they read from, and the order in which they give away.
struct Row<Input> {
    input: Mutex<Input>,
    order: Arc<Order>,
    is_alone: bool,
}

impl<Input> Row<Input> {
    fn new(input: Input, threads: usize) -> Arc<Self> {
        Arc::new(Self { input: Mutex::new(input), order: Arc::default(), is_alone: threads == 1 })
    }

    fn input(&self) -> MutexGuard<'_, Input> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The turn of what was just read; lets the next thread read if that is worth it.
    fn go_on<'a>(&self, input: MutexGuard<'a, Input>, bytes: usize) -> (Option<Turn>, Option<MutexGuard<'a, Input>>) {
        if self.is_alone {
            return (None, Some(input));
        }
        (Some(self.order.draw()), (bytes < WORTH_SHARING).then_some(input))
    }
}

/// Threads of a running engine; dropping them ends them.
pub struct Threads {
    ending: Arc<Ending>,
    threads: Vec<JoinHandle<()>>,
}

impl Threads {
    /// Some for each side that the system plays; `wanted` for each, 0 as many as are right for this machine.
    pub fn start(shared: &Arc<Shared>, wanted: usize) -> io::Result<Self> {
        let ending = Arc::new(Ending { is_wanted: AtomicBool::new(false), wake: Wake::new()? });
        let mut all = Self { ending, threads: Vec::new() };
        let count = match wanted {
            0 => threads_for(available_parallelism().map_or(1, usize::from)),
            wanted => wanted.min(MAX_THREADS),
        };
        let state = shared.read();
        let device = if let Host::Device(tun) = &state.host { Some(tun.clone()) } else { None };
        let epoll = if let Wire::System(sockets) = &state.wire { Some(sockets.epoll()) } else { None };
        drop(state);
        if let Some(tun) = device {
            let coalescer = &mut shared.rx().coalescer;
            (coalescer.tcp, coalescer.udp) = tun.takes();
            let row = Row::new(Device { tun, is_drained: true, is_gone: false }, count);
            all.spawn("pe-tx", count, shared, move |shared, ending| send_loop(shared, ending, &row))?;
        }
        if let Some(epoll) = epoll {
            let row = Row::new(Inbox::new(epoll, &all.ending.wake), count);
            all.spawn("pe-rx", count, shared, move |shared, ending| receive_loop(shared, ending, &row))?;
        }
        Ok(all)
    }

    fn spawn(
        &mut self,
        name: &str,
        count: usize,
        shared: &Arc<Shared>,
        work: impl Fn(&Shared, &Ending) + Clone + Send + 'static,
    ) -> io::Result<()> {
        for _ in 0..count {
            let (shared, ending, work) = (shared.clone(), self.ending.clone(), work.clone());
            let body = move || {
                system::block_signals();
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(&shared, &ending))) {
                    shared.poison(&*panic);
                    // The others of its row end as well.
                    ending.wake.signal();
                }
            };
            self.threads.push(Builder::new().name(name.to_owned()).spawn(body)?);
        }
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

/// What comes from the host.
struct Device {
    tun: Arc<Tun>,
    /// Nothing was left at the last look.
    is_drained: bool,
    /// It fails, which was told.
    is_gone: bool,
}

/// Packets of a device, as they were read.
struct Batch {
    buf: Box<[u8]>,
    reads: Vec<Range<usize>>,
}

impl Batch {
    fn new() -> Self {
        Self { buf: vec![0; DEVICE_BUFFER].into_boxed_slice(), reads: Vec::with_capacity(DEVICE_READS) }
    }

    fn bytes(&self) -> usize {
        self.reads.last().map_or(0, |last| last.end)
    }

    /// Reads what waits, as far as there is room; whether nothing is left.
    fn fill(&mut self, tun: &Tun) -> io::Result<bool> {
        self.reads.clear();
        while self.reads.len() < DEVICE_READS && self.bytes() + VNET_HEADER + MAX_PACKET <= self.buf.len() {
            let at = self.bytes();
            let Some(count) = tun.read(&mut self.buf[at..])? else { return Ok(true) };
            self.reads.push(at..at + count);
        }
        Ok(false)
    }
}

fn send_loop(shared: &Shared, ending: &Ending, row: &Row<Device>) {
    let mut batch = Batch::new();
    let mut tx = Tx::default();
    loop {
        let mut device = row.input();
        if device.is_drained {
            wait_for(device.tun.fd(), ending.wake.fd());
        }
        if is_over(shared, ending) || device.is_gone {
            return;
        }
        // Before a turn is drawn: nobody who has one waits for this lock.
        let state = shared.read();
        match batch.fill(&device.tun) {
            Ok(is_drained) => device.is_drained = is_drained,
            Err(error) => {
                device.is_gone = true;
                let why = errno::name(error.raw_os_error().unwrap_or(0));
                shared.tell(&Record::new(Kind::Device).aux(1).data(why.as_bytes()));
            }
        }
        let now = shared.clock.now();
        let (turn, _device) = row.go_on(device, batch.bytes());
        tx.turn = turn;
        for read in &batch.reads {
            from_device(shared, &state, &mut tx, &mut batch.buf[read.clone()], now);
        }
        // Nothing is held back across a wait.
        shared.flush_runs(&state, &mut tx);
        tx.turn = None;
    }
}

fn wait_for(fd: i32, wake: i32) {
    let mut polls = [fd, wake].map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    // SAFETY: two structures of ours.
    unsafe { libc::poll(polls.as_mut_ptr(), 2, -1) };
}

/// One read.
fn from_device(shared: &Shared, state: &State, tx: &mut Tx, read: &mut [u8], now: u64) {
    let bad = || shared.count(Count::DropBadVnet);
    let Some((header, packet)) = read.split_first_chunk_mut::<VNET_HEADER>() else { return bad() };
    let Some(vnet) = Vnet::read(header) else { return bad() };
    #[cfg(feature = "drill")]
    crate::drill::read(packet);
    if vnet.gso == Gso::None {
        if vnet.needs_checksum && !finish_checksum(packet, &vnet) {
            return bad();
        }
        return shared.send_from_host(state, tx, packet, None, now);
    }
    match Split::of(packet, &vnet) {
        Some(split) => shared.send_from_host(state, tx, packet, Some(split), now),
        None => bad(),
    }
}

/// What comes from the wire: sockets on which something waits.
struct Inbox {
    epoll: Arc<OwnedFd>,
    events: [libc::epoll_event; 16],
    count: usize,
    next: usize,
    /// Reads of the socket whose turn it is, until the next one's.
    reads: usize,
}

impl Inbox {
    fn new(epoll: Arc<OwnedFd>, wake: &Wake) -> Self {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: STOP };
        // SAFETY: the call copies the event.
        unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, wake.fd(), &mut event) };
        Self { epoll, events: [libc::epoll_event { events: 0, u64: 0 }; 16], count: 0, next: 0, reads: 0 }
    }

    /// The socket to look at, waiting for one if need be.
    fn token(&mut self) -> Option<u64> {
        if self.reads == SOCKET_READS {
            self.turn_page();
        }
        if self.next == self.count {
            let (room, into) = (self.events.len() as i32, self.events.as_mut_ptr());
            // SAFETY: the call writes at most as many as there are.
            let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), into, room, -1) };
            (self.count, self.next) = (usize::try_from(count).unwrap_or(0), 0);
        }
        let event = self.events[..self.count].get(self.next)?;
        Some(event.u64)
    }

    /// Nothing more from this socket for now.
    fn turn_page(&mut self) {
        (self.next, self.reads) = (self.next + 1, 0);
    }
}

fn receive_loop(shared: &Shared, ending: &Ending, row: &Row<Inbox>) {
    let mut buf = vec![0; RECEIVE_BUFFER];
    let mut opened = Opened::default();
    let mut manners = Manners::default();
    loop {
        let mut inbox = row.input();
        let token = inbox.token();
        if is_over(shared, ending) {
            return;
        }
        let Some(token) = token else { continue };
        // Taken anew each time, so that whoever wants to change something comes in between; and before a turn is drawn:
        // nobody who has one waits for this lock.
        let state = shared.read();
        let Wire::System(sockets) = &state.wire else { return };
        inbox.reads += 1;
        match sockets.get(token).map_or(Received::Nothing, |socket| socket.receive(&mut buf)) {
            Received::Datagrams { from, len, segment, ecn } => {
                let origin = Origin::Wire { place: Place { to: from, via: (token >> 1) as u32 }, ecn };
                let now = shared.clock.now();
                manners.read(len.div_ceil(segment), now);
                let (turn, _inbox) = row.go_on(inbox, len);
                let datagrams = &mut buf[..len];
                #[cfg(feature = "drill")]
                crate::drill::read(datagrams);
                shared.open(&mut opened, datagrams, segment, &origin, now);
                if let Some(turn) = &turn {
                    turn.wait();
                }
                shared.take_in(&state, &mut shared.rx(), &mut opened, datagrams, &origin, now);
            }
            Received::Truncated => shared.count(Count::DropTruncated),
            Received::Odd => {}
            Received::Nothing => inbox.turn_page(),
        }
    }
}
