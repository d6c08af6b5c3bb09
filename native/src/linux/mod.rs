//! Linux: the TUN device, UDP sockets, and the threads that read them.

pub mod errno;
pub mod threads;
pub mod tun;
pub mod udp;
