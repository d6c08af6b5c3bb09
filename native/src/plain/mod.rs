//! One packet at a time, with what every system has: for systems without offloads, and for whoever asks for it.

use std::io;

use crate::engine::Failure;
use crate::ports::Host;

#[cfg(unix)]
pub mod posix_device;
#[cfg(unix)]
mod posix_sockets;
pub mod sockets;
pub mod threads;

#[cfg(unix)]
pub use posix_sockets::{Watch, bind, set_buffers};

#[cfg(windows)]
pub use crate::windows::socket::{Watch, bind, set_buffers};

/// A device that gives and takes IP packets as they are.
pub trait Device: Send + Sync {
    /// As the system gave it.
    fn name(&self) -> &str;

    /// Waits for a packet, or for `nudge`.
    fn wait(&self);

    /// Ends a wait, now or the next one.
    fn nudge(&self);

    /// One packet, or none when nothing waits.
    fn read(&self, buf: &mut [u8]) -> io::Result<Option<usize>>;

    /// One packet.
    fn write(&self, packet: &[u8]) -> io::Result<()>;
}

#[cfg(target_os = "linux")]
use crate::linux::tun::open_plain as open;
#[cfg(target_os = "macos")]
use crate::macos::open_utun as open;
#[cfg(windows)]
use crate::windows::wintun::Wintun;

/// Opens, and so creates, the system's device with this MTU; it has no address yet.
pub fn open_device(name: &str, mtu: u32) -> Result<Host, Failure> {
    #[cfg(windows)]
    let open = Wintun::open;
    let device = open(name, mtu).map_err(Failure::device)?;
    Ok(Host::Plain(std::sync::Arc::new(device)))
}
