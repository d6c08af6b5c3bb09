//! Sockets of POSIX: options that the standard library does not know, and waiting for several at once (poll(2)).

use std::io;
use std::mem::size_of;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use crate::ops::Binding;
use crate::wake::Wake;

/// Waits for descriptors.
pub struct Watch(Wake);

impl Watch {
    /// Of nothing.
    pub fn new() -> io::Result<Self> {
        Wake::new().map(Self)
    }

    /// A socket that will be waited for.
    pub fn add(&self, _socket: &UdpSocket) -> io::Result<()> {
        Ok(())
    }

    /// Ends a wait, now or the next one.
    pub fn nudge(&self) {
        self.0.signal();
    }

    /// Waits until one can be read, or for `nudge`; `ready` is then which ones, by their place.
    pub fn wait(&self, sources: &[impl AsFd], ready: &mut Vec<usize>) {
        let of = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let fds = sources.iter().map(|source| source.as_fd().as_raw_fd()).chain([self.0.fd()]);
        let mut polls: Vec<libc::pollfd> = fds.map(of).collect();
        // SAFETY: as many structures as there are. The descriptors are borrowed, and so open.
        let result = unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, -1) };
        ready.clear();
        if result > 0 {
            ready.extend(
                polls.iter().take(sources.len()).enumerate().filter(|(_, one)| one.revents != 0).map(|(i, _)| i),
            );
            self.0.clear();
        }
    }
}

/// A socket of one family on a port; other than by the standard library IPv6 leaves IPv4 alone.
pub fn bind(is_ipv6: bool, binding: &Binding, buffer: i32) -> io::Result<UdpSocket> {
    let family = if is_ipv6 { libc::AF_INET6 } else { libc::AF_INET };
    // SAFETY: the call takes no memory of ours.
    let fd = unsafe { libc::socket(family, libc::SOCK_DGRAM, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and ours alone.
    let socket = UdpSocket::from(unsafe { OwnedFd::from_raw_fd(fd) });
    // SAFETY: the call takes no memory of ours.
    unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    socket.set_nonblocking(true)?;
    if is_ipv6 {
        set(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
    }
    set_buffers(&socket, buffer);
    bypass(&socket, is_ipv6, binding);
    if binding.dont_fragment {
        dont_fragment(&socket, is_ipv6);
    }
    bind_any(&socket, is_ipv6, binding.port)?;
    Ok(socket)
}

/// As large as asked for, or as large as the system's limits allow.
pub fn set_buffers(socket: &UdpSocket, bytes: i32) {
    for option in [libc::SO_RCVBUF, libc::SO_SNDBUF] {
        // macOS refuses what is above its limit, instead of giving what is allowed.
        let mut size = bytes;
        while set(socket, libc::SOL_SOCKET, option, size).is_err() && size > 65_536 {
            size /= 2;
        }
    }
}

fn set(socket: &UdpSocket, level: i32, option: i32, value: i32) -> io::Result<()> {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the call reads one number of ours.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Without the right to it the socket works, but may find its own tunnel in its way (data-plane.md §1.10).
#[cfg(target_os = "linux")]
fn bypass(socket: &UdpSocket, _is_ipv6: bool, binding: &Binding) {
    if let Some(mark) = binding.mark {
        let _ = set(socket, libc::SOL_SOCKET, libc::SO_MARK, mark as i32);
    }
}

/// An interface that is gone by now leaves the choice to the routes.
#[cfg(target_os = "macos")]
fn bypass(socket: &UdpSocket, is_ipv6: bool, binding: &Binding) {
    let Some(interface) = binding.mark else { return };
    let (level, option) = match is_ipv6 {
        true => (libc::IPPROTO_IPV6, libc::IPV6_BOUND_IF),
        false => (libc::IPPROTO_IP, libc::IP_BOUND_IF),
    };
    let _ = set(socket, level, option, interface as i32);
}

#[cfg(target_os = "linux")]
fn dont_fragment(socket: &UdpSocket, is_ipv6: bool) {
    // Not "do": the kernel's idea of the path, which anybody can shrink, must not keep probes from leaving.
    let (level, option) = match is_ipv6 {
        true => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER),
        false => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER),
    };
    let _ = set(socket, level, option, libc::IP_PMTUDISC_PROBE);
}

#[cfg(target_os = "macos")]
fn dont_fragment(socket: &UdpSocket, is_ipv6: bool) {
    /// netinet6/in6.h
    const IPV6_DONTFRAG: i32 = 62;
    let (level, option) = match is_ipv6 {
        true => (libc::IPPROTO_IPV6, IPV6_DONTFRAG),
        false => (libc::IPPROTO_IP, libc::IP_DONTFRAG),
    };
    let _ = set(socket, level, option, 1);
}

fn bind_any(socket: &UdpSocket, is_ipv6: bool, port: u16) -> io::Result<()> {
    // SAFETY: all zeros is valid for both structures, and means any address.
    let (mut v4, mut v6): (libc::sockaddr_in, libc::sockaddr_in6) = unsafe { std::mem::zeroed() };
    v4.sin_family = libc::AF_INET as libc::sa_family_t;
    v4.sin_port = port.to_be();
    v6.sin6_family = libc::AF_INET6 as libc::sa_family_t;
    v6.sin6_port = port.to_be();
    let (address, size) = match is_ipv6 {
        true => ((&raw const v6).cast(), size_of::<libc::sockaddr_in6>()),
        false => ((&raw const v4).cast(), size_of::<libc::sockaddr_in>()),
    };
    // SAFETY: the address is as long as it is said to be.
    let result = unsafe { libc::bind(socket.as_raw_fd(), address, size as libc::socklen_t) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
