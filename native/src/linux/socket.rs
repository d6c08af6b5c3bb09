//! One UDP socket with segmentation in both directions (udp(7), data-plane.md §2.6, §2.7).

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ecn;
use crate::errno;
use crate::ops::Binding;

const UDP_SEGMENT: libc::c_int = 103;
const UDP_GRO: libc::c_int = 104;
/// Ends a large send whose datagrams are all of one length: shorter than any of them, and nothing to whoever receives it.
const SENTINEL: &[u8] = &[7];
/// How long a full socket is waited for, ms: the inner connection must see loss rather than a queue without end.
const FULL_WAIT_MS: libc::c_int = 1;

/// One bound socket.
pub struct Socket {
    fd: OwnedFd,
    /// The bound one.
    pub port: u16,
    /// The kernel cuts large sends, and the device has not refused one.
    pub cuts: AtomicBool,
}

/// A large send: how long each datagram is, and whether one byte more makes the last one shorter.
#[derive(Clone, Copy)]
pub struct Cut {
    /// Bytes of each but the last.
    pub segment: u16,
    /// One byte more.
    pub has_tail: bool,
}

impl Socket {
    /// Bound to every address, on a port of the system's choice if it is 0; with `buffer` bytes in each direction.
    pub fn open(is_ipv6: bool, binding: &Binding, buffer: libc::c_int) -> io::Result<Self> {
        let family = if is_ipv6 { libc::AF_INET6 } else { libc::AF_INET };
        // SAFETY: the call takes no memory of ours.
        let fd = unsafe { libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new, and ours alone.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let mut socket = Self { fd, port: 0, cuts: AtomicBool::new(false) };
        if is_ipv6 {
            socket.set(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1);
            socket.set(libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS, 1);
        } else {
            socket.set(libc::IPPROTO_IP, libc::IP_RECVTOS, 1);
        }
        if let Some(mark) = binding.mark {
            // Without the right to it the socket works unmarked (data-plane.md §1.10).
            socket.set(libc::SOL_SOCKET, libc::SO_MARK, mark as libc::c_int);
        }
        if binding.dont_fragment {
            // Not "do": the kernel's idea of the path, which anybody can shrink, must not keep probes from leaving.
            let (level, option) = match is_ipv6 {
                true => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER),
                false => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER),
            };
            socket.set(level, option, libc::IP_PMTUDISC_PROBE);
        }
        socket.set_buffers(buffer);
        socket.cuts.store(socket.get(UDP_SEGMENT).is_some(), Ordering::Relaxed);
        let any = match is_ipv6 {
            true => SocketAddr::from((Ipv6Addr::UNSPECIFIED, binding.port)),
            false => SocketAddr::from((Ipv4Addr::UNSPECIFIED, binding.port)),
        };
        let address = Address::of(any);
        // SAFETY: the address is as long as it is said to be.
        if unsafe { libc::bind(socket.fd.as_raw_fd(), address.bytes(), address.len) } < 0 {
            return Err(io::Error::last_os_error());
        }
        socket.port = socket.bound_port();
        Ok(socket)
    }

    /// The descriptor; it stays this object's.
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// An option of the system's; whether it was taken.
    pub fn set(&self, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> bool {
        let size = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: the call reads one number of ours.
        unsafe { libc::setsockopt(self.fd(), level, option, (&raw const value).cast(), size) == 0 }
    }

    /// As much as is asked for, or as the system allows.
    pub fn set_buffers(&self, bytes: libc::c_int) {
        for (forced, allowed) in [(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF), (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF)] {
            if !self.set(libc::SOL_SOCKET, forced, bytes) {
                self.set(libc::SOL_SOCKET, allowed, bytes);
            }
        }
    }

    /// Datagrams of one sender come together. Only from kernels on that can say so (5.12): those before do it wrongly.
    pub fn join(&self, is_wanted: bool) {
        self.set(libc::IPPROTO_UDP, UDP_GRO, libc::c_int::from(is_wanted));
        if is_wanted && self.get(UDP_GRO) != Some(1) {
            self.set(libc::IPPROTO_UDP, UDP_GRO, 0);
        }
    }

    /// An option of UDP; none where there is no such, as in old kernels and in sandboxes.
    fn get(&self, option: libc::c_int) -> Option<libc::c_int> {
        let mut value: libc::c_int = 0;
        let mut size = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: the call writes one number of ours.
        let result =
            unsafe { libc::getsockopt(self.fd(), libc::IPPROTO_UDP, option, (&raw mut value).cast(), &mut size) };
        (result == 0).then_some(value)
    }

    fn bound_port(&self) -> u16 {
        // SAFETY: all zeros is a valid address structure.
        let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
        let mut size = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        // SAFETY: the call writes at most as much as it is told there is.
        let result = unsafe { libc::getsockname(self.fd(), (&raw mut storage).cast(), &mut size) };
        if result < 0 { 0 } else { read_address(&storage).map_or(0, |address| address.port()) }
    }

    /// One datagram, or several that the kernel cuts. A full socket is waited for, but not for long.
    pub fn send_run(&self, address: &Address, bytes: &[u8], cut: Option<Cut>, ecn: u8) -> Result<(), i32> {
        match self.send_once(address, bytes, cut, ecn) {
            Err(libc::EAGAIN | libc::ENOBUFS) => {}
            result => return result,
        }
        let mut poll = libc::pollfd { fd: self.fd(), events: libc::POLLOUT, revents: 0 };
        // SAFETY: one structure of ours.
        unsafe { libc::poll(&mut poll, 1, FULL_WAIT_MS) };
        self.send_once(address, bytes, cut, ecn)
    }

    fn send_once(&self, address: &Address, bytes: &[u8], cut: Option<Cut>, ecn: u8) -> Result<(), i32> {
        let mut parts = [bytes, SENTINEL]
            .map(|part| libc::iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() });
        let mut control = Control::default();
        // SAFETY: all zeros is a valid message header.
        let mut message: libc::msghdr = unsafe { zeroed() };
        message.msg_name = address.bytes().cast_mut().cast();
        message.msg_namelen = address.len;
        message.msg_iov = parts.as_mut_ptr();
        message.msg_iovlen = 1;
        if let Some(Cut { segment, has_tail }) = cut {
            message.msg_iovlen = if has_tail { 2 } else { 1 };
            control.put(libc::IPPROTO_UDP, UDP_SEGMENT, &segment.to_ne_bytes());
        }
        if ecn != 0 {
            let (level, kind) = if address.is_ipv6() {
                (libc::IPPROTO_IPV6, libc::IPV6_TCLASS)
            } else {
                (libc::IPPROTO_IP, libc::IP_TOS)
            };
            control.put(level, kind, &libc::c_int::from(ecn).to_ne_bytes());
        }
        if control.len > 0 {
            message.msg_control = control.bytes.as_mut_ptr().cast();
            message.msg_controllen = control.len as _;
        }
        // SAFETY: all that the header points at lives until the call returns, which only reads it.
        let sent = unsafe { libc::sendmsg(self.fd(), &message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
        if sent < 0 { Err(errno::last()) } else { Ok(()) }
    }

    /// Datagrams of equal length, but for the last, of one sender; or why there are none.
    pub fn receive(&self, buf: &mut [u8]) -> Received {
        let mut part = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
        let mut control = Control::default();
        // SAFETY: all zeros is valid for both structures.
        let (mut storage, mut message): (libc::sockaddr_storage, libc::msghdr) = unsafe { (zeroed(), zeroed()) };
        message.msg_name = (&raw mut storage).cast();
        message.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        message.msg_iov = &mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.bytes.as_mut_ptr().cast();
        message.msg_controllen = CONTROL as _;
        // SAFETY: all that the header points at is ours and as large as it says.
        let count = unsafe { libc::recvmsg(self.fd(), &mut message, libc::MSG_DONTWAIT) };
        if count < 0 {
            // What the network says about earlier datagrams is of no use here.
            let is_over = matches!(errno::last(), libc::EAGAIN | libc::EBADF);
            return if is_over { Received::Nothing } else { Received::Odd };
        }
        if message.msg_flags & libc::MSG_TRUNC != 0 {
            return Received::Truncated;
        }
        let Some(from) = read_address(&storage) else { return Received::Odd };
        let len = count as usize;
        let (segment, ecn) = told_of(&message);
        Received::Datagrams { from, len, segment: segment.unwrap_or(len).max(1), ecn }
    }
}

/// What one look at a socket gives.
pub enum Received {
    /// Bytes, and how long each datagram is but the last.
    Datagrams {
        /// Who sent them.
        from: SocketAddr,
        /// Of all.
        len: usize,
        /// Of each.
        segment: usize,
        /// Congestion bits of their IP headers, which are the same.
        ecn: u8,
    },
    /// A datagram that was too long.
    Truncated,
    /// An error that says nothing about what waits.
    Odd,
    /// Nothing waits.
    Nothing,
}

/// What the kernel says of datagrams besides their bytes: how long each is, where there are several, and their congestion bits.
fn told_of(message: &libc::msghdr) -> (Option<usize>, u8) {
    let (mut segment, mut tos) = (None, 0);
    // SAFETY: the kernel has filled in the header, which still points at living memory.
    let mut head = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !head.is_null() {
        // SAFETY: not null, and within the control memory.
        let (level, kind, data) = unsafe { ((*head).cmsg_level, (*head).cmsg_type, libc::CMSG_DATA(head)) };
        match (level, kind) {
            (libc::IPPROTO_UDP, UDP_GRO) => {
                // SAFETY: this message holds one number.
                let size = unsafe { data.cast::<libc::c_int>().read_unaligned() };
                segment = usize::try_from(size).ok().filter(|size| *size > 0);
            }
            // SAFETY: this message holds one byte (ip(7)).
            (libc::IPPROTO_IP, libc::IP_TOS) => tos = unsafe { data.read() },
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                // SAFETY: this message holds one number (RFC 3542 §6.5).
                let class = unsafe { data.cast::<libc::c_int>().read_unaligned() };
                tos = class as u8;
            }
            _ => {}
        }
        // SAFETY: as for the first.
        head = unsafe { libc::CMSG_NXTHDR(message, head) };
    }
    (segment, tos & ecn::CONGESTED)
}

/// For two messages of a number each, whatever the alignment.
const CONTROL: usize = 64;

/// Control messages (cmsg(3)), aligned as they must be.
#[repr(C, align(8))]
struct Control {
    bytes: [u8; CONTROL],
    len: usize,
}

impl Default for Control {
    fn default() -> Self {
        Self { bytes: [0; CONTROL], len: 0 }
    }
}

impl Control {
    fn put(&mut self, level: libc::c_int, kind: libc::c_int, value: &[u8]) {
        // SAFETY: arithmetic on a small number.
        let (head, size, space) = unsafe {
            let length = value.len() as libc::c_uint;
            (libc::CMSG_LEN(0) as usize, libc::CMSG_LEN(length), libc::CMSG_SPACE(length) as usize)
        };
        let place = &mut self.bytes[self.len..self.len + space];
        // SAFETY: all zeros is a valid header: numbers, and padding with some libraries.
        let mut message: libc::cmsghdr = unsafe { zeroed() };
        (message.cmsg_len, message.cmsg_level, message.cmsg_type) = (size as _, level, kind);
        // SAFETY: there is room for the header and its value, which the slice above has seen to.
        unsafe { place.as_mut_ptr().cast::<libc::cmsghdr>().write_unaligned(message) };
        place[head..head + value.len()].copy_from_slice(value);
        self.len += space;
    }
}

/// An address as the kernel reads it.
pub struct Address {
    storage: libc::sockaddr_storage,
    len: libc::socklen_t,
}

impl Address {
    /// Made once for a whole run.
    pub fn of(address: SocketAddr) -> Self {
        // SAFETY: all zeros is a valid address structure.
        let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
        let len = match address {
            SocketAddr::V4(v4) => {
                let place = (&raw mut storage).cast::<libc::sockaddr_in>();
                // SAFETY: the storage is larger than, and aligned for, every kind of address.
                let place = unsafe { &mut *place };
                place.sin_family = libc::AF_INET as libc::sa_family_t;
                place.sin_port = v4.port().to_be();
                place.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
                size_of::<libc::sockaddr_in>()
            }
            SocketAddr::V6(v6) => {
                let place = (&raw mut storage).cast::<libc::sockaddr_in6>();
                // SAFETY: as above.
                let place = unsafe { &mut *place };
                place.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                place.sin6_port = v6.port().to_be();
                place.sin6_addr.s6_addr = v6.ip().octets();
                place.sin6_scope_id = v6.scope_id();
                size_of::<libc::sockaddr_in6>()
            }
        };
        Self { storage, len: len as libc::socklen_t }
    }

    fn is_ipv6(&self) -> bool {
        libc::c_int::from(self.storage.ss_family) == libc::AF_INET6
    }

    fn bytes(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }
}

fn read_address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says what it is, and the storage is large enough for either.
            let v4 = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::from((ip, u16::from_be(v4.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddr::V6(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id)))
        }
        _ => None,
    }
}
