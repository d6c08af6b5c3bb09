//! A drill for the lab, which shows that a panic ends the engine and nothing else: whoever reads these words panics.

const WORDS: &[u8] = b"whoever reads this panics";

/// Looks at the end of a packet or datagram.
pub fn read(bytes: &[u8]) {
    if bytes.ends_with(WORDS) {
        panic!("a drill, not an emergency");
    }
}
