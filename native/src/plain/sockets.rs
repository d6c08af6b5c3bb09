//! UDP sockets, a datagram at a time.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use super::{Watch, bind, set_buffers};
use crate::counters::Count;
use crate::errno;
use crate::ops::Binding;
use crate::peer::Place;
use crate::ports::Datagrams;
use crate::sockets::{BUFFER, EXTRA_BUFFER, SendErrors, open_pair};
use crate::state::{Shared, State};

/// How long a full socket is waited for: the inner connection must see loss rather than a queue without end.
const FULL_WAIT: Duration = Duration::from_micros(500);

/// How long whoever waits for a socket may take to let go of it.
const LET_GO_WAIT: Duration = Duration::from_micros(100);
const LET_GO_ATTEMPTS: usize = 500;

/// One bound socket.
pub struct Socket {
    socket: UdpSocket,
    /// Which one it is.
    pub name: Name,
    port: u16,
}

/// Which socket: its number, if it is an extra one, and whether it is of IPv6.
pub type Name = (u32, bool);

impl Socket {
    fn open(name: Name, binding: &Binding, buffer: i32) -> io::Result<Arc<Self>> {
        let socket = bind(name.1, binding, buffer)?;
        let port = socket.local_addr()?.port();
        Ok(Arc::new(Self { socket, name, port }))
    }

    /// A datagram and its sender; none when nothing waits.
    pub fn receive(&self, buf: &mut [u8]) -> Option<(usize, SocketAddr)> {
        self.socket.recv_from(buf).ok()
    }

    fn send(&self, to: SocketAddr, datagram: &[u8]) -> Result<(), i32> {
        let once = || self.socket.send_to(datagram, to).map(drop).map_err(|error| errno::number(&error));
        match once() {
            Err(libc::EAGAIN | libc::ENOBUFS) => {
                std::thread::sleep(FULL_WAIT);
                once()
            }
            result => result,
        }
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Socket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// All sockets of an engine.
pub struct Sockets {
    v4: Option<Arc<Socket>>,
    v6: Option<Arc<Socket>>,
    extra: HashMap<u32, Arc<Socket>>,
    watch: Arc<Watch>,
    errors: SendErrors,
}

impl Sockets {
    /// Both families on one port.
    pub fn open(binding: &Binding) -> io::Result<Self> {
        let watch = Arc::new(Watch::new()?);
        let mut sockets = Self { v4: None, v6: None, extra: HashMap::new(), watch, errors: SendErrors::default() };
        sockets.rebind(binding)?;
        Ok(sockets)
    }

    /// Waits for them.
    pub fn watch(&self) -> Arc<Watch> {
        self.watch.clone()
    }

    /// All of them as they are now.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Socket>> {
        self.v4.iter().chain(&self.v6).chain(self.extra.values())
    }

    /// Replaces the main sockets; extra ones stay. A port that stays the same is given up first.
    pub fn rebind(&mut self, binding: &Binding) -> io::Result<()> {
        if binding.port != 0 && binding.port == self.port() {
            self.give_up();
        }
        let open = |is_ipv6, binding: &Binding| Socket::open((0, is_ipv6), binding, BUFFER);
        let (v4, v6) = open_pair(binding, open, |socket| socket.port)?;
        for socket in v4.iter().chain(&v6) {
            self.watch.add(&socket.socket)?;
        }
        (self.v4, self.v6) = (v4, v6);
        self.watch.nudge();
        Ok(())
    }

    /// Closes the main sockets. Whoever waits for them holds them meanwhile, and with them the port.
    fn give_up(&mut self) {
        let held: Vec<_> = [self.v4.take(), self.v6.take()].iter().flatten().map(Arc::downgrade).collect();
        for _ in 0..LET_GO_ATTEMPTS {
            if held.iter().all(|socket| socket.strong_count() == 0) {
                return;
            }
            self.watch.nudge();
            std::thread::sleep(LET_GO_WAIT);
        }
    }

    /// One more, of one family, on a port of the system's choice.
    pub fn open_extra(&mut self, id: u32, is_ipv6: bool, binding: &Binding) -> io::Result<()> {
        let socket = Socket::open((id, is_ipv6), &Binding { port: 0, ..*binding }, EXTRA_BUFFER)?;
        self.watch.add(&socket.socket)?;
        self.extra.insert(id, socket);
        self.watch.nudge();
        Ok(())
    }

    /// Closes an extra socket, if there is one of that number.
    pub fn close_extra(&mut self, id: u32) {
        self.extra.remove(&id);
        self.watch.nudge();
    }

    /// A path leads through it now.
    pub fn grow(&self, id: u32) {
        if let Some(socket) = self.extra.get(&id) {
            set_buffers(&socket.socket, BUFFER);
        }
    }

    /// Of the main sockets.
    pub fn port(&self) -> u16 {
        self.v4.as_ref().or(self.v6.as_ref()).map_or(0, |socket| socket.port)
    }

    /// The socket of that name, unless it is gone.
    pub fn get(&self, name: Name) -> Option<&Arc<Socket>> {
        match name {
            (0, true) => self.v6.as_ref(),
            (0, false) => self.v4.as_ref(),
            (id, _) => self.extra.get(&id).filter(|socket| socket.name == name),
        }
    }

    /// Sends them one by one, without congestion bits, or counts them as dropped.
    pub fn send(&self, shared: &Shared, state: &State, place: Place, datagrams: &Datagrams) {
        let Some(socket) = self.get((place.via, place.to.is_ipv6())) else {
            return shared.counters.add(Count::DropNoSocket, datagrams.count as u64);
        };
        for datagram in datagrams.bytes.chunks(datagrams.segment.max(1)) {
            if let Err(number) = socket.send(place.to, datagram) {
                self.errors.note(shared, state, place, number, &Datagrams::one(datagram));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::testing::loopback;

    fn pair() -> (Sockets, Sockets) {
        let binding = Binding { dont_fragment: true, ..Binding::default() };
        (Sockets::open(&binding).expect("sockets"), Sockets::open(&binding).expect("sockets"))
    }

    fn receive_all(of: &Sockets, name: Name, wanted: usize) -> Vec<Vec<u8>> {
        let mut buf = vec![0; 64 * 1024];
        let (mut found, mut ready) = (Vec::new(), Vec::new());
        let began = Instant::now();
        while found.len() < wanted && began.elapsed() < Duration::from_secs(10) {
            let all: Vec<_> = of.all().cloned().collect();
            of.watch().wait(&all, &mut ready);
            assert!(ready.iter().any(|i| all[*i].name == name));
            while let Some((len, _)) = of.get(name).and_then(|socket| socket.receive(&mut buf)) {
                found.push(buf[..len].to_vec());
            }
        }
        found
    }

    #[test]
    fn a_run_leaves_as_the_datagrams_that_it_is_made_of() {
        for is_ipv6 in [false, true] {
            let (from, to) = pair();
            if to.get((0, is_ipv6)).is_none() {
                continue;
            }
            let bytes: Vec<u8> = (0..5 * 1_000 + 77).map(|i| (i / 1_000) as u8).collect();
            let shared = Shared::new().expect("an engine");
            from.send(&shared, &State::default(), loopback(is_ipv6, to.port()), &Datagrams::many(&bytes, 1_000));
            let found = receive_all(&to, (0, is_ipv6), 6);
            assert_eq!(found, bytes.chunks(1_000).map(<[u8]>::to_vec).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_port_is_given_up_and_taken_again_while_somebody_waits() {
        let (mut one, two) = pair();
        let (watch, port) = (one.watch(), one.port());
        let (all, began) = (one.all().cloned().collect::<Vec<_>>(), std::sync::mpsc::channel());
        let waiting = std::thread::spawn(move || {
            began.0.send(()).expect("somebody hears");
            watch.wait(&all, &mut Vec::new());
        });
        began.1.recv().expect("it begins");
        one.rebind(&Binding { port, ..Binding::default() }).expect("its own port");
        waiting.join().expect("it was told to let go");
        assert_eq!(one.port(), port);
        let taken = Binding { port: two.port(), ..Binding::default() };
        assert_eq!(one.rebind(&taken).map_err(|error| errno::number(&error)), Err(libc::EADDRINUSE));
        assert_eq!(one.port(), port);
    }

    #[test]
    fn extra_sockets_have_ports_of_their_own() {
        let (mut one, two) = pair();
        one.open_extra(7, false, &Binding::default()).expect("a socket");
        let port = one.get((7, false)).expect("it is there").port;
        assert!(port != 0 && port != one.port());
        one.grow(7);
        let shared = Shared::new().expect("an engine");
        two.send(&shared, &State::default(), loopback(false, port), &Datagrams::one(&[5]));
        assert_eq!(receive_all(&one, (7, false), 1), [[5]]);
        one.close_extra(7);
        assert!(one.get((7, false)).is_none());
    }
}
