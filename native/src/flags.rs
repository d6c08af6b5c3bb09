//! Switches that TypeScript sets while packets flow (data-plane.md §2.6): some kernel or driver breaks what each of them stops.

/// What is not to be used of the system's help, and what is done besides; all off is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Datagrams leave one by one.
    pub no_udp_gso: bool,
    /// Datagrams come one by one.
    pub no_udp_gro: bool,
    /// The device gets TCP packets one by one.
    pub no_tun_tcp_gro: bool,
    /// The same for UDP.
    pub no_tun_udp_gro: bool,
    /// A large send never consists of datagrams of one length alone. On in any case where the kernel is known to spoil those.
    pub gso_sentinel: bool,
    /// The outer header says whether the inner sender heeds marks of congestion: RFC 6040's normal mode, for networks whose
    /// machines all take such marks in. Otherwise its compatibility mode.
    pub ecn: bool,
}

impl Flags {
    /// None for a bit that means nothing.
    pub fn read(bits: u32) -> Option<Self> {
        let has = |bit: u32| bits & 1 << bit != 0;
        (bits < 1 << 6).then(|| Self {
            no_udp_gso: has(0),
            no_udp_gro: has(1),
            no_tun_tcp_gro: has(2),
            no_tun_udp_gro: has(3),
            gso_sentinel: has(4),
            ecn: has(5),
        })
    }
}
