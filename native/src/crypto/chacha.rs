//! ChaCha20's state and rounds (RFC 8439 §2.3), for single words and for vectors of any width.

/// "expand 32-byte k", little-endian.
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// The first twelve words of every state.
pub fn beginning(key: &[u32; 8]) -> [u32; 12] {
    let mut words = [0; 12];
    words[..4].copy_from_slice(&CONSTANTS);
    words[4..].copy_from_slice(key);
    words
}

/// The twenty rounds over a state of sixteen words: `$rotate!` is a macro that takes a word and a number of bits, leftwards.
macro_rules! rounds {
    ($state:ident, $add:path, $xor:path, $rotate:ident) => {
        for _ in 0..10 {
            rounds!(@quarter $state, $add, $xor, $rotate, 0, 4, 8, 12);
            rounds!(@quarter $state, $add, $xor, $rotate, 1, 5, 9, 13);
            rounds!(@quarter $state, $add, $xor, $rotate, 2, 6, 10, 14);
            rounds!(@quarter $state, $add, $xor, $rotate, 3, 7, 11, 15);
            rounds!(@quarter $state, $add, $xor, $rotate, 0, 5, 10, 15);
            rounds!(@quarter $state, $add, $xor, $rotate, 1, 6, 11, 12);
            rounds!(@quarter $state, $add, $xor, $rotate, 2, 7, 8, 13);
            rounds!(@quarter $state, $add, $xor, $rotate, 3, 4, 9, 14);
        }
    };
    (@quarter $v:ident, $add:path, $xor:path, $rotate:ident, $a:literal, $b:literal, $c:literal, $d:literal) => {
        $v[$a] = $add($v[$a], $v[$b]);
        $v[$d] = $rotate!($xor($v[$d], $v[$a]), 16);
        $v[$c] = $add($v[$c], $v[$d]);
        $v[$b] = $rotate!($xor($v[$b], $v[$c]), 12);
        $v[$a] = $add($v[$a], $v[$b]);
        $v[$d] = $rotate!($xor($v[$d], $v[$a]), 8);
        $v[$c] = $add($v[$c], $v[$d]);
        $v[$b] = $rotate!($xor($v[$b], $v[$c]), 7);
    };
}
pub(super) use rounds;
