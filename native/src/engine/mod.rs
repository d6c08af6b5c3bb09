//! One engine: what TypeScript asks of it, in terms of the parts that do it (data-plane.md §4.2).

mod apply;
mod inject;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::errno;
use crate::guard::UNDER_LOAD_BACKLOG;
use crate::inbound::Opened;
use crate::ops::{Binding, Config, Side};
use crate::ports::{Host, Wire};
use crate::state::Shared;

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
        control.binding = config.binding;
        self.start_with(&mut control, &config, ends)
    }

    /// The same with what another engine had open, which failed: its device keeps its routes, its sockets their port.
    pub fn start_from(&self, failed: &Self) -> Result<(), Failure> {
        let mut control = self.control();
        let config = control.config.clone().ok_or(Failure::WrongState)?;
        if self.shared.read().is_running {
            return Err(Failure::WrongState);
        }
        let mut before = failed.control();
        // As its sockets were bound last, whatever it was told at first.
        control.binding = before.binding;
        let threads = before.threads.take();
        drop(before);
        drop(threads);
        let mut old = failed.shared.write();
        let ends = (std::mem::take(&mut old.wire), std::mem::take(&mut old.host));
        let extra = std::mem::take(&mut old.extra);
        old.is_running = false;
        drop(old);
        self.shared.write().extra = extra;
        self.start_with(&mut control, &config, ends)
    }

    fn start_with(&self, control: &mut Control, config: &Config, ends: (Wire, Host)) -> Result<(), Failure> {
        let (wire, host) = ends;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn configured() -> Engine {
        let engine = Engine::new().expect("an engine");
        let config = Config {
            host: Side::Ring,
            wire: Side::Ring,
            mtu: 1_280,
            binding: Binding::default(),
            under_load: None,
            is_plain: false,
            threads: 0,
            name: String::new(),
        };
        engine.control().config = Some(config);
        engine
    }

    #[test]
    fn sockets_that_are_taken_over_are_known_as_they_are() {
        let (failed, next) = (configured(), configured());
        failed.start().expect("nothing to open");
        failed.shared.write().extra.insert(7);
        let rebound = Binding { port: 9, mark: Some(5), dont_fragment: true };
        failed.control().binding = rebound;
        next.start_from(&failed).expect("nothing to open");
        assert_eq!(next.control().binding, rebound);
        assert_eq!(next.shared.read().extra.iter().collect::<Vec<_>>(), [&7]);
        assert!(failed.shared.read().extra.is_empty());
    }
}
