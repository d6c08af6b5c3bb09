//! A TUN device with offloads: large packets in and out of the kernel (linux/if_tun.h; data-plane.md §2.3, §2.9).

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::errno;
use crate::flags::Flags;
use crate::inbound::Rx;
use crate::offload::coalesce::{Coalescer, Item, MAX_SEGMENTS};
use crate::offload::probe;
use crate::offload::vnet::VNET_HEADER;
use crate::plain::posix_device::{Families, PosixDevice};
use crate::records::{Kind, Offload, Record};
use crate::state::Shared;

const TUNSETOFFLOAD: libc::Ioctl = 0x4004_54d0_u32 as libc::Ioctl;
const TUNSETVNETHDRSZ: libc::Ioctl = 0x4004_54d8_u32 as libc::Ioctl;
const TUNSETIFF: libc::Ioctl = 0x4004_54ca_u32 as libc::Ioctl;
const IFF_TUN: libc::c_short = 0x0001;
const IFF_NO_PI: libc::c_short = 0x1000;
const IFF_VNET_HDR: libc::c_short = 0x4000;
const CSUM: u32 = 0x01;
const TSO4: u32 = 0x02;
const TSO6: u32 = 0x04;
/// Large packets of TCP that answers a mark of congestion (RFC 3168 §6.1.2).
const TSO_ECN: u32 = 0x08;
const USO4: u32 = 0x20;
const USO6: u32 = 0x40;
/// So that a large packet always fits one send, and is a multiple of what the cipher does at once (data-plane.md D3).
const GSO_MAX_SEGMENTS: u32 = 48;

/// An open device; the kernel removes it with the descriptor.
pub struct Tun {
    fd: OwnedFd,
    name: String,
    /// The kernel takes apart large TCP packets, and still has not refused one.
    takes_tcp: AtomicBool,
    /// The same for UDP.
    takes_udp: AtomicBool,
    /// It has shown whether it takes large packets: it can only while it is up.
    is_proven: AtomicBool,
    /// What it may be given, whatever it takes.
    may_take_tcp: AtomicBool,
    may_take_udp: AtomicBool,
}

impl Tun {
    /// Opens and so creates an interface, and sets its MTU; it is down and has no address yet.
    pub fn open(name: &str, mtu: u32) -> io::Result<Self> {
        let (fd, name) = attach(name, IFF_NO_PI | IFF_VNET_HDR)?;
        let size = VNET_HEADER as libc::c_int;
        // SAFETY: the call reads one number.
        check(unsafe { libc::ioctl(fd.as_raw_fd(), TUNSETVNETHDRSZ, &size) })?;
        let offload = |flags: u32| {
            // SAFETY: the call takes a number, not memory.
            unsafe { libc::ioctl(fd.as_raw_fd(), TUNSETOFFLOAD, libc::c_ulong::from(flags)) == 0 }
        };
        let tcp = CSUM | TSO4 | TSO6 | TSO_ECN;
        let takes_tcp = offload(tcp);
        // Only kernels from 6.2 on have it.
        let takes_udp = takes_tcp && offload(tcp | USO4 | USO6);
        set_mtu(&name, mtu)?;
        // Kernels that refuse give longer packets, which take two sends.
        let _ = limit_segments(&name);
        Ok(Self {
            fd,
            name,
            takes_tcp: AtomicBool::new(takes_tcp),
            takes_udp: AtomicBool::new(takes_udp),
            is_proven: AtomicBool::new(!takes_tcp),
            may_take_tcp: AtomicBool::new(true),
            may_take_udp: AtomicBool::new(true),
        })
    }

    /// As the kernel gave it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether large TCP and large UDP packets may be written.
    pub fn takes(&self) -> (bool, bool) {
        let both = |can: &AtomicBool, may: &AtomicBool| can.load(Ordering::Relaxed) && may.load(Ordering::Relaxed);
        (both(&self.takes_tcp, &self.may_take_tcp), both(&self.takes_udp, &self.may_take_udp))
    }

    /// From the next packets on.
    pub fn set_flags(&self, flags: Flags) {
        self.may_take_tcp.store(!flags.no_tun_tcp_gro, Ordering::Relaxed);
        self.may_take_udp.store(!flags.no_tun_udp_gro, Ordering::Relaxed);
    }

    /// The descriptor; it stays this object's.
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// One packet with its vnet header, or none when nothing waits.
    pub fn read(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        // SAFETY: the call writes at most as much as there is room for.
        let count = unsafe { libc::read(self.fd(), buf.as_mut_ptr().cast(), buf.len()) };
        if count >= 0 {
            return Ok(Some(count as usize));
        }
        match errno::last() {
            libc::EAGAIN | libc::EINTR => Ok(None),
            number => Err(io::Error::from_raw_os_error(number)),
        }
    }

    /// Writes what was gathered from the wire, in `buf`.
    pub fn drain(&self, shared: &Shared, rx: &mut Rx, buf: &[u8]) {
        if rx.coalescer.is_empty() {
            return;
        }
        if !self.is_proven.load(Ordering::Relaxed) {
            self.prove(shared);
        }
        rx.coalescer.drain(buf, |item| self.write_item(shared, &item, buf));
        (rx.coalescer.tcp, rx.coalescer.udp) = self.takes();
    }

    /// Writes one packet that needs nothing done to it.
    pub fn write_one(&self, packet: &[u8]) -> io::Result<()> {
        self.write(&[&[0; VNET_HEADER], packet])
    }

    /// A large packet that goes nowhere, before the first one that counts (data-plane.md §2.14).
    fn prove(&self, shared: &Shared) {
        let (buf, places) = probe::packets();
        let mut coalescer = Coalescer::new(true, false);
        for place in places {
            coalescer.push(&buf, place);
        }
        coalescer.drain(&buf, |item| match self.write_joined(&item, &buf).map_err(|error| error.raw_os_error()) {
            Ok(()) => self.is_proven.store(true, Ordering::Relaxed),
            Err(Some(libc::EINVAL)) => self.refused(shared),
            // It is not up yet.
            Err(_) => {}
        });
    }

    /// Some kernels refuse large packets whose end is short (data-plane.md §2.14): never again, then.
    fn refused(&self, shared: &Shared) {
        self.is_proven.store(true, Ordering::Relaxed);
        self.takes_udp.store(false, Ordering::Relaxed);
        if self.takes_tcp.swap(false, Ordering::Relaxed) {
            let record = Record::new(Kind::Offload).aux(Offload::TunGro as u32).address(None);
            shared.tell(&record.data(errno::name(libc::EINVAL).as_bytes()));
        }
    }

    fn write_joined(&self, item: &Item, buf: &[u8]) -> io::Result<()> {
        let mut parts: [&[u8]; MAX_SEGMENTS + 2] = [&[]; MAX_SEGMENTS + 2];
        parts[0] = &item.vnet;
        parts[1] = item.header;
        for (part, payload) in parts[2..].iter_mut().zip(item.payloads) {
            *part = payload.of(buf);
        }
        self.write(&parts[..item.payloads.len() + 2])
    }

    fn write_item(&self, shared: &Shared, item: &Item, buf: &[u8]) {
        let Err(error) = self.write_joined(item, buf) else { return };
        if item.packets == 1 || error.raw_os_error() != Some(libc::EINVAL) {
            return shared.tun_error(&error, item.packets);
        }
        self.refused(shared);
        for payload in item.payloads {
            // Every packet still stands in the buffer with its own header.
            if let Err(error) = self.write_one(&buf[payload.at - item.header.len()..payload.at + payload.len]) {
                shared.tun_error(&error, 1);
            }
        }
    }

    fn write(&self, parts: &[&[u8]]) -> io::Result<()> {
        let mut vectors = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; MAX_SEGMENTS + 2];
        let mut count = 0;
        for part in parts.iter().filter(|part| !part.is_empty()) {
            vectors[count] = libc::iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() };
            count += 1;
        }
        // SAFETY: the vectors point at borrowed bytes, which the call only reads.
        let written = unsafe { libc::writev(self.fd(), vectors.as_ptr(), count as libc::c_int) };
        if written < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// The device without vnet headers: for kernels and sandboxes that lack them (data-plane.md §2.14).
pub fn open_plain(name: &str, mtu: u32) -> io::Result<PosixDevice> {
    /// linux/if_tun.h: flags, then what would stand in front on an Ethernet.
    const FAMILIES: Families = [[0, 0, 0x08, 0x00], [0, 0, 0x86, 0xdd]];
    let (fd, name) = attach(name, 0)?;
    set_mtu(&name, mtu)?;
    PosixDevice::new(fd, name, FAMILIES)
}

fn attach(name: &str, flags: libc::c_short) -> io::Result<(OwnedFd, String)> {
    // SAFETY: a constant string that ends with zero.
    let fd = unsafe { libc::open(c"/dev/net/tun".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC | libc::O_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and ours alone.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut request = request_for(name)?;
    request.ifr_ifru.ifru_flags = IFF_TUN | flags;
    // SAFETY: the structure is as the call wants it, and ours.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), TUNSETIFF, &mut request) })?;
    Ok((fd, name_of(&request)))
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn request_for(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: all zeros is a valid structure: numbers, and bytes of text.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = byte as libc::c_char;
    }
    Ok(request)
}

fn name_of(request: &libc::ifreq) -> String {
    request.ifr_name.iter().take_while(|c| **c != 0).map(|c| char::from(c.to_ne_bytes()[0])).collect()
}

fn set_mtu(name: &str, mtu: u32) -> io::Result<()> {
    let socket = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let mut request = request_for(name)?;
    request.ifr_ifru.ifru_mtu = mtu as libc::c_int;
    // SAFETY: the structure is as the call wants it, and ours.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFMTU as libc::Ioctl, &mut request) })
}

fn socket(family: libc::c_int, kind: libc::c_int, protocol: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no memory of ours.
    let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// RTM_NEWLINK with one attribute (rtnetlink(7)); the answer is not waited for.
fn limit_segments(name: &str) -> io::Result<()> {
    const RTM_NEWLINK: u16 = 16;
    const NLM_F_REQUEST: u16 = 1;
    const IFLA_IFNAME: u16 = 3;
    const IFLA_GSO_MAX_SEGS: u16 = 40;
    let mut message = vec![0; 16 + 16];
    for (kind, value) in
        [(IFLA_IFNAME, [name.as_bytes(), &[0]].concat()), (IFLA_GSO_MAX_SEGS, GSO_MAX_SEGMENTS.to_ne_bytes().to_vec())]
    {
        message.extend((value.len() as u16 + 4).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(&value);
        message.resize(message.len().next_multiple_of(4), 0);
    }
    let size = message.len() as u32;
    message[..4].copy_from_slice(&size.to_ne_bytes());
    message[4..6].copy_from_slice(&RTM_NEWLINK.to_ne_bytes());
    message[6..8].copy_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    let socket = socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE)?;
    // SAFETY: the call reads our bytes.
    let sent = unsafe { libc::send(socket.as_raw_fd(), message.as_ptr().cast(), message.len(), 0) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
