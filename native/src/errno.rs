//! The system's errors by the numbers and names that people and TypeScript know (errno(3)).

use std::io;

/// The number of an error: what the C library of this system calls it.
pub fn number(error: &io::Error) -> i32 {
    let Some(raw) = error.raw_os_error() else { return libc::EIO };
    #[cfg(windows)]
    return crate::windows::errno::number(raw);
    #[cfg(not(windows))]
    raw
}

/// The number that the last call left.
#[cfg(target_os = "linux")]
pub fn last() -> i32 {
    number(&io::Error::last_os_error())
}

/// Its name.
pub fn name(number: i32) -> String {
    let known = match number {
        libc::EPERM => "EPERM",
        libc::ENOENT => "ENOENT",
        libc::EIO => "EIO",
        libc::ENXIO => "ENXIO",
        libc::EBADF => "EBADF",
        libc::EAGAIN => "EAGAIN",
        libc::ENOMEM => "ENOMEM",
        libc::EACCES => "EACCES",
        libc::EBUSY => "EBUSY",
        libc::ENODEV => "ENODEV",
        libc::EINVAL => "EINVAL",
        libc::ENFILE => "ENFILE",
        libc::EMFILE => "EMFILE",
        libc::EMSGSIZE => "EMSGSIZE",
        libc::EAFNOSUPPORT => "EAFNOSUPPORT",
        libc::EADDRINUSE => "EADDRINUSE",
        libc::EADDRNOTAVAIL => "EADDRNOTAVAIL",
        libc::ENETDOWN => "ENETDOWN",
        libc::ENETUNREACH => "ENETUNREACH",
        libc::ENOBUFS => "ENOBUFS",
        libc::ECONNREFUSED => "ECONNREFUSED",
        libc::EHOSTUNREACH => "EHOSTUNREACH",
        #[cfg(unix)]
        libc::EHOSTDOWN => "EHOSTDOWN",
        #[cfg(target_os = "linux")]
        libc::EBADFD => "EBADFD",
        _ => return format!("errno {number}"),
    };
    known.to_owned()
}
