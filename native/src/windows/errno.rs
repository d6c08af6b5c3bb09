//! Windows' own errors, and those of Winsock, as the numbers that its C library and Node know (winerror.h, errno.h).

use windows_sys::Win32::Foundation as win;
use windows_sys::Win32::Networking::WinSock as wsa;

/// `EIO` for those that nobody tells apart.
pub fn number(raw: i32) -> i32 {
    match raw {
        wsa::WSAEWOULDBLOCK => libc::EAGAIN,
        wsa::WSAEACCES => libc::EACCES,
        wsa::WSAEINVAL => libc::EINVAL,
        wsa::WSAEMFILE => libc::EMFILE,
        wsa::WSAEMSGSIZE => libc::EMSGSIZE,
        wsa::WSAEAFNOSUPPORT => libc::EAFNOSUPPORT,
        wsa::WSAEADDRINUSE => libc::EADDRINUSE,
        wsa::WSAEADDRNOTAVAIL => libc::EADDRNOTAVAIL,
        wsa::WSAENETDOWN => libc::ENETDOWN,
        wsa::WSAENETUNREACH => libc::ENETUNREACH,
        wsa::WSAEHOSTUNREACH | wsa::WSAEHOSTDOWN => libc::EHOSTUNREACH,
        wsa::WSAENOBUFS => libc::ENOBUFS,
        wsa::WSAECONNREFUSED | wsa::WSAECONNRESET => libc::ECONNREFUSED,
        _ => windows_number(raw as win::WIN32_ERROR),
    }
}

fn windows_number(raw: win::WIN32_ERROR) -> i32 {
    match raw {
        win::ERROR_FILE_NOT_FOUND
        | win::ERROR_PATH_NOT_FOUND
        | win::ERROR_MOD_NOT_FOUND
        | win::ERROR_PROC_NOT_FOUND => libc::ENOENT,
        win::ERROR_ACCESS_DENIED => libc::EACCES,
        win::ERROR_INVALID_PARAMETER | win::ERROR_INVALID_NAME => libc::EINVAL,
        win::ERROR_NOT_ENOUGH_MEMORY | win::ERROR_OUTOFMEMORY => libc::ENOMEM,
        win::ERROR_ALREADY_EXISTS | win::ERROR_SHARING_VIOLATION => libc::EBUSY,
        win::ERROR_HANDLE_EOF | win::ERROR_DEVICE_NOT_AVAILABLE => libc::ENODEV,
        _ => libc::EIO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errno;
    use std::io::Error;

    #[test]
    fn errors_have_the_names_that_they_have_elsewhere() {
        let name = |raw: i32| errno::name(errno::number(&Error::from_raw_os_error(raw)));
        assert_eq!(name(wsa::WSAEMSGSIZE), "EMSGSIZE");
        assert_eq!(name(wsa::WSAEWOULDBLOCK), "EAGAIN");
        assert_eq!(name(win::ERROR_ACCESS_DENIED as i32), "EACCES");
        assert_eq!(name(win::ERROR_MOD_NOT_FOUND as i32), "ENOENT");
        assert_eq!(name(9_999), "EIO");
    }
}
