//! Windows: Wintun devices, UDP sockets of Winsock, events (data-plane.md §2.16).

pub mod clock;
pub mod errno;
pub mod event;
pub mod socket;
pub mod wintun;

/// A text as Windows reads it.
fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}
