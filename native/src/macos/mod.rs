//! macOS: utun, a TUN device behind a control socket of the kernel (net/if_utun.h, sys/kern_control.h; data-plane.md §2.15).

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::plain::posix_device::{Families, PosixDevice};

const CONTROL: &str = "com.apple.net.utun_control";
/// sys/sockio.h: `_IOW('i', 52, struct ifreq)`.
const SIOCSIFMTU: libc::c_ulong = 0x8020_6934;
/// The family in the network's order.
const FAMILIES: Families = [[0, 0, 0, libc::AF_INET as u8], [0, 0, 0, libc::AF_INET6 as u8]];

/// Opens, and so creates, an interface, and sets its MTU. "utun7" is that one; any other name takes the first that is free.
pub fn open_utun(name: &str, mtu: u32) -> io::Result<PosixDevice> {
    let fd = socket(libc::PF_SYSTEM, libc::SYSPROTO_CONTROL)?;
    connect(&fd, unit(name))?;
    let name = name_of(&fd)?;
    set_mtu(&name, mtu)?;
    // SAFETY: the call takes numbers, not memory.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) })?;
    PosixDevice::new(fd, name, FAMILIES)
}

/// Interfaces are counted from 0, units from 1; 0 asks for any.
fn unit(name: &str) -> u32 {
    name.strip_prefix("utun").and_then(|number| number.parse::<u32>().ok()).map_or(0, |number| number.saturating_add(1))
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn socket(family: libc::c_int, protocol: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no memory of ours.
    let fd = unsafe { libc::socket(family, libc::SOCK_DGRAM, protocol) };
    check(fd)?;
    // SAFETY: the descriptor is new, and ours alone.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: the call takes numbers, not memory.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) })?;
    Ok(fd)
}

fn connect(fd: &OwnedFd, unit: u32) -> io::Result<()> {
    // SAFETY: all zeros is valid for both structures: numbers, and bytes of text.
    let (mut info, mut address): (libc::ctl_info, libc::sockaddr_ctl) = unsafe { std::mem::zeroed() };
    for (place, byte) in info.ctl_name.iter_mut().zip(CONTROL.bytes()) {
        *place = byte as libc::c_char;
    }
    // SAFETY: the structure is as the call wants it, and ours.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::CTLIOCGINFO, &mut info) })?;
    address.sc_len = size_of::<libc::sockaddr_ctl>() as u8;
    address.sc_family = libc::AF_SYSTEM as u8;
    address.ss_sysaddr = libc::AF_SYS_CONTROL as u16;
    address.sc_id = info.ctl_id;
    address.sc_unit = unit;
    let size = size_of::<libc::sockaddr_ctl>() as libc::socklen_t;
    // SAFETY: the address is as long as it is said to be.
    check(unsafe { libc::connect(fd.as_raw_fd(), (&raw const address).cast(), size) })
}

fn name_of(fd: &OwnedFd) -> io::Result<String> {
    let mut name = [0u8; libc::IFNAMSIZ];
    let mut size = name.len() as libc::socklen_t;
    let (level, option) = (libc::SYSPROTO_CONTROL, libc::UTUN_OPT_IFNAME);
    // SAFETY: the call writes at most as much as it is told there is.
    check(unsafe { libc::getsockopt(fd.as_raw_fd(), level, option, name.as_mut_ptr().cast(), &mut size) })?;
    Ok(name.iter().take_while(|byte| **byte != 0).map(|byte| *byte as char).collect())
}

fn set_mtu(name: &str, mtu: u32) -> io::Result<()> {
    let socket = socket(libc::AF_INET, 0)?;
    // SAFETY: all zeros is a valid structure: numbers, and bytes of text.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // Its last byte stays zero.
    for (place, byte) in request.ifr_name[..libc::IFNAMSIZ - 1].iter_mut().zip(name.bytes()) {
        *place = byte as libc::c_char;
    }
    request.ifr_ifru.ifru_mtu = mtu as libc::c_int;
    // SAFETY: the structure is as the call wants it, and ours.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), SIOCSIFMTU, &mut request) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_unit_or_any() {
        assert_eq!((unit("utun0"), unit("utun7")), (1, 8));
        assert_eq!((unit("rhumb0"), unit("utun"), unit("utunx")), (0, 0, 0));
    }
}
