//! Two threads: from the device to the wire, and back. Each reads, decides, ciphers and writes by itself.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use super::sockets::Name;
use super::{Device, Watch};
use crate::errno;
use crate::inbound::{Opened, Origin};
use crate::limits::MAX_PACKET;
use crate::peer::Place;
use crate::ports::{Host, Wire};
use crate::records::{Kind, Record};
use crate::state::Shared;
use crate::system;

/// Reads of the device, or of a socket, between two looks at anything else.
const READS: usize = 64;

/// Threads of a running engine; dropping them ends them.
pub struct Threads {
    is_over: Arc<AtomicBool>,
    device: Option<Arc<dyn Device>>,
    watch: Option<Arc<Watch>>,
    threads: Vec<JoinHandle<()>>,
}

impl Threads {
    /// One for each side that is played here.
    pub fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let state = shared.read();
        let device = match &state.host {
            Host::Plain(device) => Some(device.clone()),
            _ => None,
        };
        let watch = match &state.wire {
            Wire::Plain(sockets) => Some(sockets.watch()),
            _ => None,
        };
        drop(state);
        let mut all =
            Self { is_over: Arc::default(), device: device.clone(), watch: watch.clone(), threads: Vec::new() };
        if let Some(device) = device {
            all.spawn("pe-tx", shared, move |shared, is_over| send_loop(shared, is_over, &*device))?;
        }
        if let Some(watch) = watch {
            all.spawn("pe-rx", shared, move |shared, is_over| receive_loop(shared, is_over, &watch))?;
        }
        Ok(all)
    }

    fn spawn(
        &mut self,
        name: &str,
        shared: &Arc<Shared>,
        work: impl FnOnce(&Shared, &AtomicBool) + Send + 'static,
    ) -> io::Result<()> {
        let (shared, is_over) = (shared.clone(), self.is_over.clone());
        let body = move || {
            system::block_signals();
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(&shared, &is_over))) {
                shared.poison(&*panic);
            }
        };
        self.threads.push(Builder::new().name(name.to_owned()).spawn(body)?);
        Ok(())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(device) = &self.device {
            device.nudge();
        }
        if let Some(watch) = &self.watch {
            watch.nudge();
        }
        for thread in self.threads.drain(..) {
            // It has caught its own panic, and told of it.
            let _ = thread.join();
        }
    }
}

fn is_over(shared: &Shared, is_over: &AtomicBool) -> bool {
    is_over.load(Ordering::Acquire) || shared.is_poisoned()
}

fn send_loop(shared: &Shared, ending: &AtomicBool, device: &dyn Device) {
    let mut buf = vec![0; MAX_PACKET];
    let mut is_drained = true;
    loop {
        // Some devices say once that packets are there, and only a look that finds none makes them say so again (wintun.h).
        if is_drained {
            device.wait();
        }
        if is_over(shared, ending) {
            return;
        }
        is_drained = false;
        let state = shared.read();
        let mut tx = shared.tx();
        let now = shared.clock.now();
        for _ in 0..READS {
            match device.read(&mut buf) {
                Ok(Some(count)) => {
                    #[cfg(feature = "drill")]
                    crate::drill::read(&buf[..count]);
                    shared.send_from_host(&state, &mut tx, &buf[..count], None, now);
                }
                Ok(None) => {
                    is_drained = true;
                    break;
                }
                Err(error) => {
                    let why = errno::name(errno::number(&error));
                    shared.tell(&Record::new(Kind::Device).aux(1).data(why.as_bytes()));
                    return shared.flush_runs(&state, &mut tx);
                }
            }
        }
        // Nothing is held back across a wait.
        shared.flush_runs(&state, &mut tx);
    }
}

fn receive_loop(shared: &Shared, ending: &AtomicBool, watch: &Watch) {
    let mut buf = vec![0; MAX_PACKET];
    let mut ready = Vec::new();
    let mut opened = Opened::default();
    loop {
        let sockets: Vec<_> = match &shared.read().wire {
            Wire::Plain(sockets) => sockets.all().cloned().collect(),
            _ => return,
        };
        watch.wait(&sockets, &mut ready);
        if is_over(shared, ending) {
            return;
        }
        let names: Vec<Name> = ready.iter().map(|i| sockets[*i].name).collect();
        // Whoever wants the port for another socket waits for that.
        drop(sockets);
        for name in names {
            receive_some(shared, name, &mut buf, &mut opened);
        }
    }
}

fn receive_some(shared: &Shared, name: Name, buf: &mut [u8], opened: &mut Opened) {
    for _ in 0..READS {
        // Taken anew each time, so that whoever wants to change something comes in between.
        let state = shared.read();
        let Wire::Plain(sockets) = &state.wire else { return };
        let Some((len, to)) = sockets.get(name).and_then(|socket| socket.receive(buf)) else { return };
        let origin = Origin::Wire { place: Place { to, via: name.0 }, ecn: 0 };
        let now = shared.clock.now();
        let datagram = &mut buf[..len];
        #[cfg(feature = "drill")]
        crate::drill::read(datagram);
        shared.open(opened, datagram, len, &origin, now);
        shared.take_in(&state, &mut shared.rx(), opened, datagram, &origin, now);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::counters::Count;
    use crate::ops::Binding;
    use crate::plain::sockets::Sockets;
    use crate::wake::Wake;

    /// Gives what it was given, and then is gone, or silent. It says once that there is something.
    struct Fake {
        packets: Mutex<VecDeque<Vec<u8>>>,
        ends: bool,
        wake: Wake,
    }

    impl Fake {
        fn with(packets: usize, ends: bool) -> Arc<Self> {
            let packets = Mutex::new(vec![vec![0x45; 3]; packets].into());
            let device = Self { packets, ends, wake: Wake::new().expect("a wake") };
            device.nudge();
            Arc::new(device)
        }
    }

    impl Device for Fake {
        fn name(&self) -> &str {
            "fake"
        }

        fn wait(&self) {
            self.wake.wait(60_000);
            self.wake.clear();
        }

        fn nudge(&self) {
            self.wake.signal();
        }

        fn read(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
            match self.packets.lock().expect("no panic").pop_front() {
                Some(packet) => {
                    buf[..packet.len()].copy_from_slice(&packet);
                    Ok(Some(packet.len()))
                }
                None if self.ends => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                None => Ok(None),
            }
        }

        fn write(&self, _packet: &[u8]) -> io::Result<()> {
            Ok(())
        }
    }

    fn until(mut what: impl FnMut() -> bool) {
        let began = Instant::now();
        while !what() {
            assert!(began.elapsed() < Duration::from_secs(10), "it did not happen");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn what_the_device_gives_is_read_until_it_is_gone() {
        let shared = Arc::new(Shared::new().expect("an engine"));
        shared.write().host = Host::Plain(Fake::with(100, true));
        let threads = Threads::start(&shared).expect("a thread");
        until(|| shared.counters.get(Count::DropBadInner) == 100);
        let mut out = [0; 256];
        until(|| shared.records.poll(&mut out) == Ok(24));
        assert_eq!((out[4], &out[16..19]), (Kind::Device as u8, &b"EIO"[..]));
        drop(threads);
    }

    #[test]
    fn nothing_is_left_in_a_device_that_says_once_that_there_is_something() {
        let shared = Arc::new(Shared::new().expect("an engine"));
        shared.write().host = Host::Plain(Fake::with(3 * READS + 1, false));
        let threads = Threads::start(&shared).expect("a thread");
        until(|| shared.counters.get(Count::DropBadInner) == 3 * READS as u64 + 1);
        drop(threads);
    }

    #[test]
    fn sockets_are_read_also_those_that_were_opened_later_and_the_end_is_swift() {
        let shared = Arc::new(Shared::new().expect("an engine"));
        let sockets = Sockets::open(&Binding::default()).expect("sockets");
        let port = sockets.port();
        shared.write().wire = Wire::Plain(sockets);
        let threads = Threads::start(&shared).expect("a thread");
        let from = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let send = |port| from.send_to(b"junk", SocketAddr::from((Ipv4Addr::LOCALHOST, port))).expect("it is sent");
        for _ in 0..3 {
            send(port);
        }
        until(|| shared.counters.get(Count::DropJunk) == 3);
        let mut state = shared.write();
        let Wire::Plain(sockets) = &mut state.wire else { panic!("no sockets") };
        sockets.rebind(&Binding { port, ..Binding::default() }).expect("the port is free at once");
        drop(state);
        send(port);
        until(|| shared.counters.get(Count::DropJunk) == 4);
        let began = Instant::now();
        drop(threads);
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
