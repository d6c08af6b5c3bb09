//! Linux: the TUN device, UDP sockets, and the threads that read them.

mod balks;
mod kernel;
mod manners;
mod socket;
pub mod threads;
pub mod tun;
pub mod udp;
