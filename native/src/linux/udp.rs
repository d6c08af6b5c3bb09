//! The UDP sockets of an engine, and what goes out by them (data-plane.md §2.6).

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::balks::Balks;
use super::kernel;
use super::socket::{Address, Cut, Socket};
use crate::counters::Count;
use crate::errno;
use crate::flags::Flags;
use crate::ops::Binding;
use crate::peer::Place;
use crate::ports::Datagrams;
use crate::records::{Kind, Offload, Record};
use crate::run::MAX_SEGMENTS;
use crate::sockets::{BUFFER, EXTRA_BUFFER, SendErrors, open_pair};
use crate::state::{Shared, State};

/// With a sentinel, fewer datagrams are not worth a large send: the receiver has one more in any case.
const SENTINEL_LEAST: usize = 8;

/// All sockets of an engine.
pub struct Sockets {
    v4: Option<Socket>,
    v6: Option<Socket>,
    extra: HashMap<u32, (Socket, bool)>,
    epoll: Arc<OwnedFd>,
    flags: Flags,
    /// Whatever the flags say: the kernel needs it.
    needs_sentinel: bool,
    balks: Balks,
    errors: SendErrors,
}

/// Which socket an event is of.
pub fn token(via: u32, is_ipv6: bool) -> u64 {
    u64::from(via) << 1 | u64::from(is_ipv6)
}

impl Sockets {
    /// Both families on one port.
    pub fn open(binding: &Binding) -> io::Result<Self> {
        // SAFETY: the call takes no memory of ours.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new, and ours alone.
        let epoll = Arc::new(unsafe { OwnedFd::from_raw_fd(fd) });
        let mut sockets = Self {
            v4: None,
            v6: None,
            extra: HashMap::new(),
            epoll,
            flags: Flags::default(),
            needs_sentinel: kernel::spoils_equal_segments(),
            balks: Balks::default(),
            errors: SendErrors::default(),
        };
        sockets.rebind(binding)?;
        Ok(sockets)
    }

    /// Events of all sockets, with their tokens.
    pub fn epoll(&self) -> Arc<OwnedFd> {
        self.epoll.clone()
    }

    /// For all sockets, those to come too.
    pub fn set_flags(&mut self, flags: Flags) {
        self.flags = flags;
        let extra = self.extra.values().map(|(socket, _)| socket);
        for socket in self.v4.iter().chain(&self.v6).chain(extra) {
            socket.join(!flags.no_udp_gro);
        }
    }

    /// Replaces the main sockets; extra ones stay. A port that stays the same is given up first.
    pub fn rebind(&mut self, binding: &Binding) -> io::Result<()> {
        if binding.port != 0 && binding.port == self.port() {
            (self.v4, self.v6) = (None, None);
        }
        let open = |is_ipv6, binding: &Binding| Socket::open(is_ipv6, binding, BUFFER);
        let (v4, v6) = open_pair(binding, open, |socket| socket.port)?;
        for (socket, is_ipv6) in [(&v4, false), (&v6, true)] {
            if let Some(socket) = socket {
                self.watch(socket, token(0, is_ipv6))?;
            }
        }
        (self.v4, self.v6) = (v4, v6);
        Ok(())
    }

    /// One more, of one family, on a port of the system's choice.
    pub fn open_extra(&mut self, id: u32, is_ipv6: bool, binding: &Binding) -> io::Result<()> {
        let socket = Socket::open(is_ipv6, &Binding { port: 0, ..*binding }, EXTRA_BUFFER)?;
        self.watch(&socket, token(id, is_ipv6))?;
        self.extra.insert(id, (socket, is_ipv6));
        Ok(())
    }

    /// Closes an extra socket, if there is one of that number.
    pub fn close_extra(&mut self, id: u32) {
        self.extra.remove(&id);
    }

    /// A path leads through it now.
    pub fn grow(&self, id: u32) {
        if let Some((socket, _)) = self.extra.get(&id) {
            socket.set_buffers(BUFFER);
        }
    }

    /// Of the main sockets.
    pub fn port(&self) -> u16 {
        self.v4.as_ref().or(self.v6.as_ref()).map_or(0, |socket| socket.port)
    }

    /// The socket of a token, unless it is gone.
    pub fn get(&self, token: u64) -> Option<&Socket> {
        match ((token >> 1) as u32, token & 1) {
            (0, 0) => self.v4.as_ref(),
            (0, _) => self.v6.as_ref(),
            (id, _) => self.extra.get(&id).map(|(socket, _)| socket),
        }
    }

    fn watch(&self, socket: &Socket, token: u64) -> io::Result<()> {
        socket.join(!self.flags.no_udp_gro);
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token };
        // SAFETY: the call copies the event.
        let result = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, socket.fd(), &mut event) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Sends them, or counts them as dropped.
    pub fn send(&self, shared: &Shared, state: &State, place: Place, datagrams: &Datagrams) {
        let Datagrams { bytes, segment, count, ecn } = *datagrams;
        let is_ipv6 = place.to.is_ipv6();
        let socket = match place.via {
            0 if is_ipv6 => self.v6.as_ref(),
            0 => self.v4.as_ref(),
            id => self.extra.get(&id).filter(|(_, is_v6)| *is_v6 == is_ipv6).map(|(socket, _)| socket),
        };
        let Some(socket) = socket else { return shared.counters.add(Count::DropNoSocket, count as u64) };
        let address = Address::of(place.to);
        let mut left = bytes;
        let mut refusal = None;
        if self.may_cut(socket, count) && !self.balks.rests(place.to, || shared.clock.now()) {
            match self.send_large(socket, &address, datagrams) {
                Ok(rest) => {
                    self.balks.forget(place.to);
                    left = rest;
                }
                // The device beneath has no checksum offload, which cutting needs (data-plane.md §2.6).
                Err(libc::EIO) => {
                    if socket.cuts.swap(false, Ordering::Relaxed) {
                        tell_refusal(shared, None, libc::EIO);
                    }
                }
                // Longer than the route takes, or a quirk: one by one it will be seen.
                Err(number @ (libc::EINVAL | libc::EMSGSIZE)) => refusal = Some(number),
                Err(number) => return self.errors.note(shared, state, place, number, datagrams),
            }
        }
        let mut is_sent = true;
        for datagram in left.chunks(segment.max(1)) {
            if let Err(number) = socket.send_run(&address, datagram, None, ecn) {
                self.errors.note(shared, state, place, number, &Datagrams::one(datagram));
                is_sent = false;
            }
        }
        let Some(number) = refusal else { return };
        if !is_sent {
            self.balks.forget(place.to);
        } else if self.balks.refused(place.to, shared.clock.now()) {
            tell_refusal(shared, Some(place.to), number);
        }
    }

    /// As many as one large send takes; gives what is left.
    fn send_large<'a>(&self, socket: &Socket, address: &Address, datagrams: &Datagrams<'a>) -> Result<&'a [u8], i32> {
        let Datagrams { bytes, segment, count, ecn } = *datagrams;
        let has_tail = self.has_sentinel() && bytes.len() == segment * count;
        let most = segment * (MAX_SEGMENTS - usize::from(has_tail));
        let (large, rest) = bytes.split_at(most.min(bytes.len()));
        socket.send_run(address, large, Some(Cut { segment: segment as u16, has_tail }), ecn).map(|()| rest)
    }

    fn has_sentinel(&self) -> bool {
        self.flags.gso_sentinel || self.needs_sentinel
    }

    fn may_cut(&self, socket: &Socket, count: usize) -> bool {
        let least = if self.has_sentinel() { SENTINEL_LEAST } else { 2 };
        count >= least && !self.flags.no_udp_gso && socket.cuts.load(Ordering::Relaxed)
    }
}

/// Large sends are over: on all paths, or for a while on one.
fn tell_refusal(shared: &Shared, path: Option<SocketAddr>, number: i32) {
    let why = errno::name(number);
    shared.tell(&Record::new(Kind::Offload).aux(Offload::UdpGso as u32).address(path).data(why.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::super::socket::Received;
    use super::*;
    use crate::testing::loopback;

    fn pair() -> (Sockets, Sockets) {
        let open = || {
            let sockets = Sockets::open(&Binding::default()).expect("sockets");
            Sockets { needs_sentinel: false, ..sockets }
        };
        (open(), open())
    }

    fn receive_all(socket: &Socket, wanted: usize) -> Vec<Vec<u8>> {
        let mut buf = vec![0; 64 * 1024];
        let mut found = Vec::new();
        for _ in 0..1_000 {
            match socket.receive(&mut buf) {
                Received::Datagrams { len, segment, .. } => {
                    found.extend(buf[..len].chunks(segment).map(<[u8]>::to_vec))
                }
                _ if found.len() >= wanted => break,
                _ => std::thread::sleep(std::time::Duration::from_millis(1)),
            }
        }
        found
    }

    #[test]
    fn a_run_arrives_as_the_datagrams_that_it_is_made_of() {
        for is_ipv6 in [false, true] {
            let (from, to) = pair();
            let Some(target) = to.get(token(0, is_ipv6)) else { continue };
            let place = loopback(is_ipv6, target.port);
            let bytes: Vec<u8> = (0..5 * 1_000 + 77).map(|i| (i / 1_000) as u8).collect();
            let shared = Shared::new().expect("an engine");
            from.send(&shared, &State::default(), place, &Datagrams::many(&bytes, 1_000));
            let found = receive_all(target, 6);
            assert_eq!(found, bytes.chunks(1_000).map(<[u8]>::to_vec).collect::<Vec<_>>());
        }
    }

    #[test]
    fn without_the_kernel_cutting_datagrams_go_one_by_one() {
        let (from, to) = pair();
        let target = to.get(token(0, false)).expect("IPv4");
        from.get(token(0, false)).expect("IPv4").cuts.store(false, Ordering::Relaxed);
        let place = loopback(false, target.port);
        let shared = Shared::new().expect("an engine");
        from.send(&shared, &State::default(), place, &Datagrams::many(&[9; 2_500], 1_000));
        assert_eq!(receive_all(target, 3).iter().map(Vec::len).collect::<Vec<_>>(), [1_000, 1_000, 500]);
    }

    /// Lengths of what arrives at an IPv4 socket when `count` datagrams of 100 bytes are sent with these switches.
    fn lengths(flags: Flags, count: usize, last: usize) -> Vec<usize> {
        let (mut from, to) = pair();
        from.set_flags(flags);
        let target = to.get(token(0, false)).expect("IPv4");
        let place = loopback(false, target.port);
        let shared = Shared::new().expect("an engine");
        from.send(&shared, &State::default(), place, &Datagrams::many(&vec![9; (count - 1) * 100 + last], 100));
        receive_all(target, count).iter().map(Vec::len).collect()
    }

    #[test]
    fn a_large_send_of_equal_datagrams_ends_with_a_sentinel_where_it_must() {
        let flags = Flags { gso_sentinel: true, ..Flags::default() };
        let cases = [(7, 100, false), (8, 100, true), (8, 99, false), (63, 100, true), (64, 99, false)];
        for (count, last, has_sentinel) in cases {
            let mut expected = vec![100; count - 1];
            expected.push(last);
            expected.extend(has_sentinel.then_some(1));
            assert_eq!(lengths(flags, count, last), expected, "{count} of which the last has {last}");
        }
        // The kernel takes no more than 64 at once, so the last one goes alone.
        let mut expected = vec![100; 63];
        expected.extend([1, 100]);
        assert_eq!(lengths(flags, 64, 100), expected);
        assert_eq!(lengths(Flags::default(), 64, 100), [100; 64]);
    }

    #[test]
    fn switches_work_on_open_sockets() {
        let (mut from, mut to) = pair();
        let port = to.port();
        let place = loopback(false, port);
        let shared = Shared::new().expect("an engine");
        let mut buf = vec![0; 64 * 1024];
        let mut first_read = |from: &Sockets, to: &Sockets| {
            let target = to.get(token(0, false)).expect("IPv4");
            from.send(&shared, &State::default(), place, &Datagrams::many(&[9; 300], 100));
            let Received::Datagrams { len, .. } = target.receive(&mut buf) else { return 0 };
            receive_all(target, 300 / len - 1);
            len
        };
        assert_eq!(first_read(&from, &to), 300);
        to.set_flags(Flags { no_udp_gro: true, ..Flags::default() });
        assert_eq!(first_read(&from, &to), 100);
        to.set_flags(Flags::default());
        from.set_flags(Flags { no_udp_gso: true, ..Flags::default() });
        assert_eq!(first_read(&from, &to), 100);
        from.set_flags(Flags::default());
        assert_eq!(first_read(&from, &to), 300);
        to.set_flags(Flags { no_udp_gro: true, ..Flags::default() });
        to.rebind(&Binding { port, ..Binding::default() }).expect("its own port");
        assert_eq!(first_read(&from, &to), 100);
    }

    #[test]
    fn congestion_bits_go_and_come_with_single_and_many_datagrams() {
        for is_ipv6 in [false, true] {
            let (from, to) = pair();
            let Some(target) = to.get(token(0, is_ipv6)) else { continue };
            let place = loopback(is_ipv6, target.port);
            let shared = Shared::new().expect("an engine");
            let mut buf = vec![0; 64 * 1024];
            for sent in 0..4 {
                for size in [100, 300] {
                    let datagrams = Datagrams { ecn: sent, ..Datagrams::many(&[9; 300][..size], 100) };
                    from.send(&shared, &State::default(), place, &datagrams);
                    let Received::Datagrams { len, ecn, .. } = target.receive(&mut buf) else { panic!("nothing came") };
                    assert_eq!((len, ecn), (size, sent));
                }
            }
        }
    }

    #[test]
    fn a_path_that_refuses_large_sends_gets_single_ones_for_a_while() {
        let (from, to) = pair();
        let target = to.get(token(0, false)).expect("IPv4");
        // Cutting needs checksums, and says EINVAL without (net/ipv4/udp.c, udp_send_skb).
        let sender = from.get(token(0, false)).expect("IPv4");
        assert!(sender.set(libc::SOL_SOCKET, libc::SO_NO_CHECK, 1));
        let place = loopback(false, target.port);
        let shared = Shared::new().expect("an engine");
        let mut out = [0; 256];
        for is_told in [false, true, false] {
            from.send(&shared, &State::default(), place, &Datagrams::many(&[9; 300], 100));
            assert_eq!(receive_all(target, 3), vec![vec![9; 100]; 3]);
            let expected = if is_told { 56 } else { 0 };
            assert_eq!(shared.records.poll(&mut out), Ok(expected));
        }
        assert_eq!((out[4], out[12], &out[44..50]), (Kind::Offload as u8, Offload::UdpGso as u8, &b"EINVAL"[..]));
        assert!(from.balks.rests(place.to, || shared.clock.now()));
        assert!(sender.cuts.load(Ordering::Relaxed));
    }

    #[test]
    fn a_port_is_given_up_and_taken_again() {
        let (mut one, two) = pair();
        let binding = Binding { port: one.port(), ..Binding::default() };
        one.rebind(&binding).expect("its own port");
        assert_eq!(one.port(), binding.port);
        let taken = Binding { port: two.port(), ..Binding::default() };
        assert_eq!(one.rebind(&taken).map_err(|error| error.raw_os_error()), Err(Some(libc::EADDRINUSE)));
        assert_eq!(one.port(), binding.port);
    }

    #[test]
    fn extra_sockets_have_ports_of_their_own() {
        let (mut one, _) = pair();
        for id in [7, u32::MAX] {
            one.open_extra(id, false, &Binding::default()).expect("a socket");
            let port = one.get(token(id, false)).expect("it is there").port;
            assert!(port != 0 && port != one.port());
            one.grow(id);
            one.close_extra(id);
            assert!(one.get(token(id, false)).is_none());
        }
    }
}
