//! Which kernels there are for packets of equal length, eight at once, and which one is right on this machine: the best one that
//! agrees with `ring` there when the library is loaded.

use std::sync::OnceLock;

use super::aead::{Key, Text};
#[cfg(target_arch = "x86_64")]
use super::{lanes_avx2, lanes_avx512};

/// Packets that one kernel call works on.
pub const LANES: usize = 8;

/// One packet for a kernel: where its text begins, and its counter.
#[derive(Clone, Copy)]
pub struct Lane {
    /// Text, followed by the tag.
    pub data: *mut u8,
    /// Nonce: four zero bytes, then this, little-endian.
    pub counter: u64,
}

/// What does the cipher's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// One packet at a time, by `ring`.
    Single,
    /// 256-bit vectors.
    Avx2,
    /// 512-bit vectors.
    Avx512,
    /// 512-bit vectors, and multiplication of 52-bit numbers.
    Avx512Ifma,
}

impl Backend {
    /// For people: which cipher does the work.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "ring",
            Self::Avx2 => "8 lanes of AVX2, ring",
            Self::Avx512 => "8 lanes of AVX-512, ring",
            Self::Avx512Ifma => "8 lanes of AVX-512 with IFMA, ring",
        }
    }

    /// From how many equal packets on eight lanes, some of them empty, are faster than one packet after another (measured by
    /// `bench -- aead`; `ring` has longer strides for long packets).
    pub fn min_lanes(self, len: usize) -> usize {
        match (self, len) {
            (Self::Single, _) => usize::MAX,
            (Self::Avx512 | Self::Avx512Ifma, 0..=128) => 3,
            (Self::Avx512 | Self::Avx512Ifma, 129..=512) => 5,
            (Self::Avx512 | Self::Avx512Ifma, _) => 6,
            (Self::Avx2, 0..=128) => 4,
            (Self::Avx2, 129..=256) => 6,
            (Self::Avx2, 257..=768) => 7,
            (Self::Avx2, _) => usize::MAX,
        }
    }

    /// Whether this processor can run it.
    pub fn is_supported(self) -> bool {
        match self {
            Self::Single => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => lanes_avx2::is_supported(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => lanes_avx512::is_supported(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Ifma => lanes_avx512::has_ifma(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// Those that this processor can run, the best first.
    pub fn supported() -> Vec<Self> {
        let all = [Self::Avx512Ifma, Self::Avx512, Self::Avx2, Self::Single];
        all.into_iter().filter(|backend| backend.is_supported()).collect()
    }

    /// The best one that agrees with `ring` here; found out once.
    pub fn chosen() -> Self {
        static CHOSEN: OnceLock<Backend> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let right = |backend: &Self| *backend == Self::Single || agrees(*backend);
            Self::supported().into_iter().find(right).unwrap_or(Self::Single)
        })
    }

    /// Seals eight packets of `len` bytes each in place and appends their tags; or opens them, and bit i of the result says that
    /// packet i is authentic. None where there are no lanes.
    ///
    /// # Safety
    /// It must be supported. Each lane's `data` must be valid for reads and writes of `len + 16` bytes; lanes may share memory
    /// only where nobody reads what they leave there.
    #[cfg(target_arch = "x86_64")]
    pub unsafe fn run<const SEAL: bool>(self, key: &[u32; 8], lanes: &[Lane; LANES], len: usize) -> Option<u8> {
        // SAFETY: the kernels want what this function's own contract says.
        unsafe {
            match self {
                Self::Single => None,
                Self::Avx2 => Some(lanes_avx2::run::<SEAL>(key, lanes, len)),
                Self::Avx512 => Some(lanes_avx512::plain::run::<SEAL>(key, lanes, len)),
                Self::Avx512Ifma => Some(lanes_avx512::ifma::run::<SEAL>(key, lanes, len)),
            }
        }
    }
}

/// Whether a backend gives what `ring` gives, for lengths around every boundary and for a tag that is wrong.
fn agrees(backend: Backend) -> bool {
    const SPACING: usize = 1536;
    let bytes = std::array::from_fn(|i| 0x20 + i as u8);
    let (own, reference) = (Key::with(&bytes, backend), Key::with(&bytes, Backend::Single));
    [0, 1, 15, 16, 17, 63, 64, 65, 80, 127, 128, 129, 512, 1296].iter().all(|&len| {
        let texts: [Text; LANES] =
            std::array::from_fn(|i| Text { at: i * SPACING, len, counter: u64::MAX / 7 * i as u64 });
        let plain: Vec<u8> = (0..LANES * SPACING).map(|i| (i * 7 + i / SPACING * 31) as u8).collect();
        let (mut a, mut b) = (plain.clone(), plain.clone());
        own.seal(&mut a, &texts);
        reference.seal(&mut b, &texts);
        if a != b {
            return false;
        }
        a[texts[3].at + len] ^= 1;
        let mut good = [false; LANES];
        own.open(&mut a, &texts, &mut good);
        let are_right = |i: usize| {
            let text = texts[i].at..texts[i].at + len;
            good[i] == (i != 3) && (i == 3 || a[text.clone()] == plain[text])
        };
        (0..LANES).all(are_right)
    })
}
