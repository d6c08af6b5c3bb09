//! What this engine cuts and joins, against the kernel that it does it for: large packets are written to a TUN device with offloads,
//! forwarded, and read from one without, where the kernel has cut them. Needs root and /dev/net/tun; skipped without them.
#![cfg(target_os = "linux")]

use std::fs::{File, OpenOptions, write};
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::time::Duration;

use rhumb_engine::offload::coalesce::{Coalescer, Place};
use rhumb_engine::offload::split::Split;
use rhumb_engine::offload::vnet::{Gso, Vnet};

const TUNSETIFF: libc::Ioctl = 0x4004_54ca_u32 as libc::Ioctl;
const TUNSETOFFLOAD: libc::Ioctl = 0x4004_54d0_u32 as libc::Ioctl;
const TUN_NO_PI: i16 = 0x1001;
const VNET_HDR: i16 = 0x4000;
/// CSUM, TSO4, TSO6, USO4, USO6.
const OFFLOADS: libc::c_ulong = 0x67;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % limit as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// A network of our own: packets come in by one device and leave by the other.
struct World {
    inside: File,
    outside: File,
}

impl World {
    /// None without the rights or the device; this thread, and what it starts, lives in it from then on.
    fn enter() -> Option<Self> {
        // SAFETY: the calls take no memory.
        let may = unsafe { libc::geteuid() == 0 && libc::unshare(libc::CLONE_NEWNET) == 0 };
        if !may || !std::path::Path::new("/dev/net/tun").exists() {
            eprintln!("skipped: needs root and /dev/net/tun");
            return None;
        }
        let (inside, outside) = (device("in0", VNET_HDR), device("out0", 0));
        // SAFETY: the call takes a number.
        let is_able = unsafe { libc::ioctl(inside.as_raw_fd(), TUNSETOFFLOAD, OFFLOADS) == 0 };
        if !is_able {
            eprintln!("skipped: this kernel does not cut UDP for a TUN device");
            return None;
        }
        for (name, value) in [
            ("ipv4/ip_forward", "1"),
            ("ipv4/conf/all/rp_filter", "0"),
            ("ipv4/conf/default/rp_filter", "0"),
            ("ipv4/conf/in0/rp_filter", "0"),
            ("ipv6/conf/all/forwarding", "1"),
        ] {
            write(format!("/proc/sys/net/{name}"), value).expect("a setting of this namespace");
        }
        for words in [
            "link set lo up",
            "address add 10.7.0.1/24 dev in0",
            "-6 address add fd07::1/64 dev in0 nodad",
            "link set in0 mtu 1500 up",
            "link set out0 mtu 1500 txqueuelen 5000 up",
            "route add 10.8.0.0/24 dev out0",
            "-6 route add fd08::/64 dev out0",
        ] {
            let status = Command::new("ip").args(words.split(' ')).status().expect("ip(8)");
            assert!(status.success(), "ip {words}");
        }
        Some(Self { inside, outside })
    }

    fn give(&mut self, vnet: &[u8], packet: &[u8]) {
        let bytes = [vnet, packet].concat();
        let written = self.inside.write(&bytes).expect("the kernel takes it");
        assert_eq!(written, bytes.len());
    }

    /// So many packets of ours, as they leave; what the kernel says by itself is left out.
    fn take(&mut self, count: usize) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        let mut buf = [0; 65_536];
        while packets.len() < count {
            let mut poll = libc::pollfd { fd: self.outside.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one structure of ours.
            let ready = unsafe { libc::poll(&mut poll, 1, 2_000) };
            assert_eq!(ready, 1, "{} of {count} packets came", packets.len());
            let size = self.outside.read(&mut buf).expect("a packet");
            let is_ours = match buf[0] >> 4 {
                4 => buf[16..19] == [10, 8, 0],
                _ => buf[24..28] == [0xfd, 8, 0, 0],
            };
            if is_ours {
                packets.push(buf[..size].to_vec());
            }
        }
        packets
    }
}

fn device(name: &str, flags: i16) -> File {
    let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun");
    let file = file.expect("the device");
    // SAFETY: all zeros is a valid request.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = byte as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = TUN_NO_PI | flags;
    // SAFETY: the structure is as the call wants it, and ours.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), TUNSETIFF, &mut request) };
    assert_eq!(result, 0, "{name}: {}", std::io::Error::last_os_error());
    file
}

#[derive(Clone, Copy)]
struct Spec {
    is_v6: bool,
    protocol: u8,
    port: u16,
    /// 7 = this host, 8 = beyond the other device.
    network: u8,
    id: u16,
    fragment: u16,
    sequence: u32,
    flags: u8,
    options: usize,
    tos: u8,
    payload: usize,
}

impl Spec {
    fn ip_header(&self) -> usize {
        if self.is_v6 { 40 } else { 20 }
    }

    fn header(&self) -> usize {
        self.ip_header() + if self.protocol == TCP { 20 + self.options * 4 } else { 8 }
    }

    /// Its transport checksum is whole, or the sum of the pseudo header, which the kernel is to finish.
    fn packet(&self, is_whole: bool) -> Vec<u8> {
        let mut packet = vec![0; self.header() + self.payload];
        let length = packet.len() as u16;
        let ip = self.ip_header();
        if self.is_v6 {
            packet[..4].copy_from_slice(&[0x60 | self.tos >> 4, self.tos << 4, 0, 0]);
            packet[4..6].copy_from_slice(&(length - 40).to_be_bytes());
            packet[6..10].copy_from_slice(&[self.protocol, 64, 0xfd, 7]);
            packet[23..26].copy_from_slice(&[9, 0xfd, self.network]);
            packet[39] = 1;
        } else {
            packet[..2].copy_from_slice(&[0x45, self.tos]);
            packet[2..4].copy_from_slice(&length.to_be_bytes());
            packet[4..6].copy_from_slice(&self.id.to_be_bytes());
            packet[6..8].copy_from_slice(&self.fragment.to_be_bytes());
            packet[8..10].copy_from_slice(&[64, self.protocol]);
            packet[12..20].copy_from_slice(&[10, 7, 0, 9, 10, self.network, 0, 1]);
        }
        packet[ip..ip + 2].copy_from_slice(&1_000u16.to_be_bytes());
        packet[ip + 2..ip + 4].copy_from_slice(&self.port.to_be_bytes());
        let transport = length - ip as u16;
        let field = match self.protocol {
            TCP => {
                packet[ip + 4..ip + 8].copy_from_slice(&self.sequence.to_be_bytes());
                packet[ip + 8..ip + 16].copy_from_slice(&[1, 1, 1, 1, (5 + self.options as u8) << 4, self.flags, 9, 9]);
                packet[ip + 20..ip + 20 + self.options * 4].fill(1);
                16
            }
            UDP => {
                packet[ip + 4..ip + 6].copy_from_slice(&transport.to_be_bytes());
                6
            }
            _ => {
                packet[ip..ip + 8].copy_from_slice(&[8, 0, 0, 0, 0, 7, 0, 1]);
                2
            }
        };
        let at = self.header();
        packet[at..].iter_mut().enumerate().for_each(|(i, byte)| *byte = (i * 7 + usize::from(self.id)) as u8);
        let addresses = if self.is_v6 { 8..40 } else { 12..20 };
        let pseudo = [&packet[addresses], &[0, self.protocol], &transport.to_be_bytes()].concat();
        let pseudo = if self.protocol == ICMP { 0 } else { sum(&pseudo) };
        packet[ip + field..ip + field + 2].copy_from_slice(&pseudo.to_be_bytes());
        if is_whole {
            let made = match !sum(&packet[ip..]) {
                0 if self.protocol == UDP => 0xffff,
                made => made,
            };
            packet[ip + field..ip + field + 2].copy_from_slice(&made.to_be_bytes());
        }
        renew(&mut packet);
        packet
    }
}

/// RFC 1071, sixteen bits at a time.
fn sum(bytes: &[u8]) -> u16 {
    let mut total = 0u32;
    for pair in bytes.chunks(2) {
        total += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        total = (total >> 16) + (total & 0xffff);
    }
    total as u16
}

fn renew(packet: &mut [u8]) {
    if packet[0] >> 4 == 4 {
        packet[10..12].fill(0);
        let sum = !sum(&packet[..20]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
}

/// As it is after one router.
fn forwarded(mut packet: Vec<u8>) -> Vec<u8> {
    let at = if packet[0] >> 4 == 4 { 8 } else { 7 };
    packet[at] -= 1;
    renew(&mut packet);
    packet
}

fn large(random: &mut Random) -> (Spec, Vnet) {
    let (is_v6, protocol) = (random.below(2) == 0, random.pick(&[TCP, UDP]));
    let size = random.pick(&[1, 2, 7, 100, 535, 1_228, 1_300]);
    let most = (64 * size).min(60_000);
    let spec = Spec {
        is_v6,
        protocol,
        port: 2_000,
        network: 8,
        id: random.below(65_536) as u16,
        fragment: 0x4000,
        sequence: random.pick(&[1, u32::MAX - 700, 0x7fff_ff00]),
        flags: random.pick(&[0x10, 0x18, 0x19, 0x90, 0x30]),
        options: random.below(11),
        tos: random.pick(&[0, 2, 0xb8]),
        payload: size + 1 + random.below(most - size),
    };
    let gso = match (protocol, is_v6) {
        (TCP, false) => Gso::Tcp4,
        (TCP, true) => Gso::Tcp6,
        _ => Gso::Udp,
    };
    let vnet = Vnet {
        needs_checksum: true,
        gso,
        gso_size: size as u16,
        checksum_start: spec.ip_header() as u16,
        checksum_offset: if protocol == TCP { 16 } else { 6 },
    };
    (spec, vnet)
}

fn cuts_as_the_kernel_does(world: &mut World) {
    let mut random = Random(1);
    for round in 0..300 {
        let (spec, vnet) = large(&mut random);
        let packet = spec.packet(false);
        let split = Split::of(&packet, &vnet).expect("what can be cut");
        let own = (0..split.count()).map(|i| {
            let mut one = vec![0; split.length(i)];
            split.write(i, &mut one);
            forwarded(one)
        });
        world.give(&vnet.write(spec.header() as u16), &packet);
        let theirs = world.take(split.count());
        for (i, (own, theirs)) in own.zip(&theirs).enumerate() {
            let head = spec.header();
            assert!(own == *theirs, "round {round}, {i}: {:02x?} is {:02x?}", &own[..head], &theirs[..head]);
        }
    }
}

/// A stream of a few flows, with what is never joined in between.
fn stream(random: &mut Random, network: u8) -> Vec<Spec> {
    let mut flows: Vec<Spec> = (0..4).map(|_| Spec { network, ..large(random).0 }).collect();
    for (flow, port) in flows.iter_mut().zip(2_000..) {
        flow.port = port;
        flow.payload = 1 + random.below(1_300);
    }
    let mut specs = Vec::new();
    for _ in 0..random.below(60) + 4 {
        let which = random.below(4);
        let flow = &mut flows[which];
        let mut spec = Spec { flags: random.pick(&[0x10, 0x10, 0x10, 0x18]), ..*flow };
        match random.below(16) {
            0 => spec.payload = 1 + random.below(spec.payload),
            1 => spec.flags = 0x11,
            2 => spec.tos = 2,
            3 if !spec.is_v6 => spec.protocol = ICMP,
            _ => {}
        }
        flow.sequence = flow.sequence.wrapping_add(spec.payload as u32);
        flow.id = flow.id.wrapping_add(1);
        specs.push(spec);
    }
    specs
}

fn joined(packets: &[Vec<u8>], mut write: impl FnMut(&[u8], &[u8])) -> usize {
    let mut buf = Vec::new();
    let places: Vec<Place> = packets
        .iter()
        .map(|packet| {
            buf.extend(packet);
            Place { at: buf.len() - packet.len(), len: packet.len() }
        })
        .collect();
    let mut coalescer = Coalescer::new(true, true);
    places.iter().for_each(|place| coalescer.push(&buf, *place));
    let mut items = 0;
    coalescer.drain(&buf, |item| {
        items += 1;
        let mut whole = item.header.to_vec();
        item.payloads.iter().for_each(|payload| whole.extend(payload.of(&buf)));
        write(&item.vnet, &whole);
    });
    items
}

/// Addresses apart from the network, protocol and port: packets of one flow must keep their order.
fn flow_of(packet: &[u8]) -> (u8, u8, [u8; 2]) {
    let (ip, protocol) = if packet[0] >> 4 == 4 { (20, packet[9]) } else { (40, packet[6]) };
    (packet[0] >> 4, protocol, [packet[ip + 2], packet[ip + 3]])
}

fn joins_what_the_kernel_can_cut(world: &mut World) {
    let mut random = Random(2);
    let mut saved = 0;
    for round in 0..150 {
        let specs = stream(&mut random, 8);
        let mut packets: Vec<Vec<u8>> = specs.iter().map(|spec| spec.packet(true)).collect();
        for packet in &mut packets {
            // Without a checksum, or in pieces: both are passed on as they are.
            let ip = if packet[0] == 0x45 { 20 } else { continue };
            if packet[9] == UDP && random.below(12) == 0 {
                packet[ip + 6..ip + 8].fill(0);
            } else if random.below(20) == 0 {
                packet[6..8].copy_from_slice(&random.pick(&[[0x20, 0], [0, 9]]));
                renew(packet);
            }
        }
        saved += packets.len() - joined(&packets, |vnet, whole| world.give(vnet, whole));
        let theirs = world.take(packets.len());
        // A piece's identification counts from its head's on; a sender's does as well, but for what came in between.
        let plain = |mut packet: Vec<u8>| {
            if packet[0] == 0x45 {
                packet[4..6].fill(0);
                renew(&mut packet);
            }
            packet
        };
        let of = |all: &[Vec<u8>], flow| -> Vec<Vec<u8>> {
            all.iter().filter(|one| flow_of(one) == flow).cloned().map(plain).collect()
        };
        let sent: Vec<Vec<u8>> = packets.into_iter().map(forwarded).collect();
        for flow in sent.iter().map(|one| flow_of(one)) {
            assert!(of(&theirs, flow) == of(&sent, flow), "round {round}, flow {flow:?}");
        }
    }
    assert!(saved > 1_000, "{saved} packets were joined to others");
}

/// To a socket of this host, which takes nothing with a wrong checksum.
fn is_received_by_sockets(world: &mut World) {
    let mut random = Random(3);
    let sockets: Vec<[UdpSocket; 2]> = (2_000..2_004)
        .map(|port| {
            ["10.7.0.1", "fd07::1"].map(|ip| {
                let socket = UdpSocket::bind((ip, port)).expect("a port of our own");
                socket.set_read_timeout(Some(Duration::from_secs(2))).expect("a time");
                socket
            })
        })
        .collect();
    let mut buf = [0; 65_536];
    for round in 0..100 {
        let specs: Vec<Spec> = stream(&mut random, 7).into_iter().filter(|spec| spec.protocol == UDP).collect();
        let packets: Vec<Vec<u8>> = specs.iter().map(|spec| spec.packet(true)).collect();
        joined(&packets, |vnet, whole| world.give(vnet, whole));
        for (spec, packet) in specs.iter().zip(&packets) {
            let socket = &sockets[usize::from(spec.port - 2_000)][usize::from(spec.is_v6)];
            let size = socket.recv(&mut buf).unwrap_or_else(|error| panic!("round {round}: {error}"));
            assert!(buf[..size] == packet[spec.header()..], "round {round}: a datagram of {size} bytes");
        }
    }
}

#[test]
fn agrees_with_the_kernel() {
    // In a thread of its own: whoever enters another network stays there.
    let inside = std::thread::spawn(|| {
        let Some(mut world) = World::enter() else { return };
        cuts_as_the_kernel_does(&mut world);
        joins_what_the_kernel_can_cut(&mut world);
        is_received_by_sockets(&mut world);
    });
    inside.join().expect("what is said above");
}
