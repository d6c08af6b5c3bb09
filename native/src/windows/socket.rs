//! UDP sockets: options that the standard library does not know, and one event for all of them.

use std::io;
use std::mem::size_of;
use std::net::UdpSocket;
use std::os::windows::io::{AsRawSocket, FromRawSocket};
use std::ptr::{null, null_mut};
use std::sync::{Arc, Once};

use windows_sys::Win32::Networking::WinSock as wsa;
use windows_sys::Win32::System::Threading::INFINITE;

use super::event::Event;
use crate::ops::Binding;
use crate::plain::sockets::Socket;

/// Waits for sockets.
pub struct Watch(Event);

impl Watch {
    /// Of nothing.
    pub fn new() -> io::Result<Self> {
        Event::new().map(Self)
    }

    /// A socket that will be waited for: the event is signalled when something comes, and after a read that left something.
    pub fn add(&self, socket: &UdpSocket) -> io::Result<()> {
        // SAFETY: both handles are open. The socket forgets the event when it is closed.
        check(unsafe { wsa::WSAEventSelect(raw(socket), self.0.handle(), wsa::FD_READ as i32) })
    }

    /// Ends a wait, now or the next one.
    pub fn nudge(&self) {
        self.0.signal();
    }

    /// Waits until one can be read, or for `nudge`. The event does not say which one.
    pub fn wait(&self, sockets: &[Arc<Socket>], ready: &mut Vec<usize>) {
        self.0.wait(INFINITE);
        // Before anybody reads: what comes from now on signals it again.
        self.0.clear();
        ready.clear();
        ready.extend(0..sockets.len());
    }
}

/// A socket of one family on a port; other than by the standard library it is told nothing of ports that are closed elsewhere.
pub fn bind(is_ipv6: bool, binding: &Binding, buffer: i32) -> io::Result<UdpSocket> {
    start();
    let family = if is_ipv6 { wsa::AF_INET6 } else { wsa::AF_INET };
    let flags = wsa::WSA_FLAG_OVERLAPPED | wsa::WSA_FLAG_NO_HANDLE_INHERIT;
    // SAFETY: no protocol is described: nothing of ours is read.
    let handle = unsafe { wsa::WSASocketW(family.into(), wsa::SOCK_DGRAM, wsa::IPPROTO_UDP, null(), 0, flags) };
    if handle == wsa::INVALID_SOCKET {
        return Err(last());
    }
    // SAFETY: the handle is new, and ours alone.
    let socket = unsafe { UdpSocket::from_raw_socket(handle as _) };
    socket.set_nonblocking(true)?;
    if is_ipv6 {
        set(&socket, wsa::IPPROTO_IPV6, wsa::IPV6_V6ONLY, 1)?;
    }
    set_buffers(&socket, buffer);
    if let Some(interface) = binding.mark {
        bypass(&socket, is_ipv6, interface);
    }
    if binding.dont_fragment {
        let (level, option) = match is_ipv6 {
            true => (wsa::IPPROTO_IPV6, wsa::IPV6_DONTFRAG),
            false => (wsa::IPPROTO_IP, wsa::IP_DONTFRAGMENT),
        };
        let _ = set(&socket, level, option, 1);
    }
    // Else an ICMP message about one datagram makes a read of another one fail. Windows before 10 lacks the second.
    for code in [wsa::SIO_UDP_CONNRESET, wsa::SIO_UDP_NETRESET] {
        let _ = turn_off(&socket, code);
    }
    bind_any(&socket, is_ipv6, binding.port)?;
    Ok(socket)
}

/// As large as asked for, or as large as the system allows.
pub fn set_buffers(socket: &UdpSocket, bytes: i32) {
    for option in [wsa::SO_RCVBUF, wsa::SO_SNDBUF] {
        let _ = set(socket, wsa::SOL_SOCKET, option, bytes);
    }
}

/// The standard library does so too, but only for sockets that it makes.
fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        // SAFETY: all zeros is a valid structure, which the call fills.
        unsafe {
            let mut data: wsa::WSADATA = std::mem::zeroed();
            wsa::WSAStartup(0x0202, &mut data);
        }
    });
}

/// An interface that is gone by now leaves the choice to the routes.
fn bypass(socket: &UdpSocket, is_ipv6: bool, interface: u32) {
    let _ = match is_ipv6 {
        true => set(socket, wsa::IPPROTO_IPV6, wsa::IPV6_UNICAST_IF, interface as i32),
        // In the network's order, for this family only.
        false => set(socket, wsa::IPPROTO_IP, wsa::IP_UNICAST_IF, interface.to_be() as i32),
    };
}

fn set(socket: &UdpSocket, level: i32, option: i32, value: i32) -> io::Result<()> {
    // SAFETY: the call reads one number of ours.
    check(unsafe { wsa::setsockopt(raw(socket), level, option, (&raw const value).cast(), size_of::<i32>() as i32) })
}

fn turn_off(socket: &UdpSocket, code: u32) -> io::Result<()> {
    let (off, mut written) = (0u32, 0);
    let size = size_of::<u32>() as u32;
    // SAFETY: the call reads one number of ours and writes another; it is done when it returns.
    check(unsafe {
        let input = (&raw const off).cast();
        wsa::WSAIoctl(raw(socket), code, input, size, null_mut(), 0, &mut written, null_mut(), None)
    })
}

fn bind_any(socket: &UdpSocket, is_ipv6: bool, port: u16) -> io::Result<()> {
    // SAFETY: all zeros is valid for both structures, and means any address.
    let (mut v4, mut v6): (wsa::SOCKADDR_IN, wsa::SOCKADDR_IN6) = unsafe { std::mem::zeroed() };
    v4.sin_family = wsa::AF_INET;
    v4.sin_port = port.to_be();
    v6.sin6_family = wsa::AF_INET6;
    v6.sin6_port = port.to_be();
    let (address, size) = match is_ipv6 {
        true => ((&raw const v6).cast(), size_of::<wsa::SOCKADDR_IN6>()),
        false => ((&raw const v4).cast(), size_of::<wsa::SOCKADDR_IN>()),
    };
    // SAFETY: the address is as long as it is said to be.
    check(unsafe { wsa::bind(raw(socket), address, size as i32) })
}

fn raw(socket: &UdpSocket) -> wsa::SOCKET {
    socket.as_raw_socket() as wsa::SOCKET
}

fn check(result: i32) -> io::Result<()> {
    if result == wsa::SOCKET_ERROR { Err(last()) } else { Ok(()) }
}

fn last() -> io::Error {
    // SAFETY: the call takes nothing.
    io::Error::from_raw_os_error(unsafe { wsa::WSAGetLastError() })
}
