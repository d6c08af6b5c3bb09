//! A TUN device of Wintun, whose library stands beside ours (wintun.h; data-plane.md §2.16).

use std::ffi::{OsString, c_void};
use std::io;
use std::mem::{transmute, zeroed};
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::ptr::null;
use std::slice;

use windows_sys::Win32::Foundation::{ERROR_NO_MORE_ITEMS, FARPROC, HANDLE, HMODULE, NO_ERROR};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    GetIpInterfaceEntry, InitializeIpInterfaceEntry, MIB_IPINTERFACE_ROW, SetIpInterfaceEntry,
};
use windows_sys::Win32::NetworkManagement::Ndis::NET_LUID_LH;
use windows_sys::Win32::Networking::WinSock::{AF_INET, AF_INET6};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, GetModuleFileNameW,
    GetModuleHandleExW, GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW,
};

use super::event::Event;
use super::wide;
use crate::plain::Device;

const LIBRARY: &str = "wintun.dll";
/// Kind of adapter, as people see it.
const KIND: &str = "Rhumb";
const RING_BYTES: u32 = 8 << 20;
/// What IPv6 needs (RFC 8200 §5).
const MIN_MTU_V6: u32 = 1_280;

/// Both are pointers into Wintun's memory, which we never look into.
type Adapter = *mut c_void;
type Session = *mut c_void;

type Found = unsafe extern "system" fn() -> isize;

macro_rules! functions {
    ($($field:ident = $name:literal as fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions of the library that are used here.
        #[derive(Clone, Copy)]
        struct Api {
            $($field: unsafe extern "system" fn($($argument),*) $(-> $result)?,)*
        }

        impl Api {
            /// Finds all of them.
            fn of(library: HMODULE) -> io::Result<Self> {
                $(
                    let found = find(library, concat!($name, "\0"))?;
                    // SAFETY: the type is that of wintun.h, from version 0.14 on.
                    let $field = unsafe {
                        transmute::<Found, unsafe extern "system" fn($($argument),*) $(-> $result)?>(found)
                    };
                )*
                Ok(Self { $($field),* })
            }
        }
    };
}

functions! {
    create_adapter = "WintunCreateAdapter" as fn(*const u16, *const u16, *const c_void) -> Adapter;
    close_adapter = "WintunCloseAdapter" as fn(Adapter);
    adapter_luid = "WintunGetAdapterLUID" as fn(Adapter, *mut NET_LUID_LH);
    start_session = "WintunStartSession" as fn(Adapter, u32) -> Session;
    end_session = "WintunEndSession" as fn(Session);
    read_event = "WintunGetReadWaitEvent" as fn(Session) -> HANDLE;
    receive = "WintunReceivePacket" as fn(Session, *mut u32) -> *const u8;
    release = "WintunReleaseReceivePacket" as fn(Session, *const u8);
    allocate = "WintunAllocateSendPacket" as fn(Session, u32) -> *mut u8;
    send = "WintunSendPacket" as fn(Session, *const u8);
}

/// An open device; Windows removes it with this object.
pub struct Wintun {
    api: Api,
    adapter: Adapter,
    session: Session,
    /// Wintun's, as long as the session lives.
    readable: HANDLE,
    nudged: Event,
    name: String,
}

// SAFETY: packets may be received, released, allocated and sent by several threads at once (wintun.h says so of each of the
// four); the rest happens when there is one owner only.
unsafe impl Send for Wintun {}
// SAFETY: as above.
unsafe impl Sync for Wintun {}

impl Wintun {
    /// Opens and so creates an interface, and sets its MTU; it has no address yet.
    pub fn open(name: &str, mtu: u32) -> io::Result<Self> {
        let api = load(&beside_us()?)?;
        let nudged = Event::new()?;
        let (wide_name, kind) = (wide(name), wide(KIND));
        // SAFETY: two texts that end with zero; no GUID asks for any.
        let adapter = unsafe { (api.create_adapter)(wide_name.as_ptr(), kind.as_ptr(), null()) };
        if adapter.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the adapter is open, and the size a power of two in the range that is allowed.
        let session = unsafe { (api.start_session)(adapter, RING_BYTES) };
        if session.is_null() {
            let error = io::Error::last_os_error();
            // SAFETY: it is open, and nobody else has it.
            unsafe { (api.close_adapter)(adapter) };
            return Err(error);
        }
        // SAFETY: the session is open.
        let readable = unsafe { (api.read_event)(session) };
        let device = Self { api, adapter, session, readable, nudged, name: name.to_owned() };
        device.set_mtu(mtu)?;
        Ok(device)
    }

    fn set_mtu(&self, mtu: u32) -> io::Result<()> {
        // SAFETY: all zeros is a valid number, which the call writes.
        let luid = unsafe {
            let mut luid: NET_LUID_LH = zeroed();
            (self.api.adapter_luid)(self.adapter, &mut luid);
            luid
        };
        set_family_mtu(AF_INET, luid, mtu)?;
        // Where IPv6 is switched off there is nothing to set.
        let _ = set_family_mtu(AF_INET6, luid, mtu.max(MIN_MTU_V6));
        Ok(())
    }
}

fn set_family_mtu(family: u16, luid: NET_LUID_LH, mtu: u32) -> io::Result<()> {
    let check = |result: u32| match result {
        NO_ERROR => Ok(()),
        number => Err(io::Error::from_raw_os_error(number as i32)),
    };
    // SAFETY: all zeros is a valid structure: numbers only. The calls fill and read it.
    unsafe {
        let mut row: MIB_IPINTERFACE_ROW = zeroed();
        InitializeIpInterfaceEntry(&mut row);
        (row.Family, row.InterfaceLuid) = (family, luid);
        check(GetIpInterfaceEntry(&mut row))?;
        row.NlMtu = mtu;
        // What was read there is refused when it is written (netioapi.h).
        row.SitePrefixLength = 0;
        check(SetIpInterfaceEntry(&mut row))
    }
}

impl Drop for Wintun {
    fn drop(&mut self) {
        // SAFETY: both are open, nobody uses them any more, and the session goes before its adapter.
        unsafe {
            (self.api.end_session)(self.session);
            (self.api.close_adapter)(self.adapter);
        }
    }
}

impl Device for Wintun {
    fn name(&self) -> &str {
        &self.name
    }

    fn wait(&self) {
        self.nudged.wait_with(self.readable);
        self.nudged.clear();
    }

    fn nudge(&self) {
        self.nudged.signal();
    }

    fn read(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        let mut size = 0;
        // SAFETY: the session is open; the call writes one number of ours.
        let packet = unsafe { (self.api.receive)(self.session, &mut size) };
        if packet.is_null() {
            return match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(ERROR_NO_MORE_ITEMS as i32) => Ok(None),
                error => Err(error),
            };
        }
        // SAFETY: the packet is as long as the call said, and stays until it is released.
        let bytes = unsafe { slice::from_raw_parts(packet, size as usize) };
        let count = bytes.len().min(buf.len());
        buf[..count].copy_from_slice(&bytes[..count]);
        // SAFETY: it was received from this session, and `bytes` is not used any more.
        unsafe { (self.api.release)(self.session, packet) };
        Ok(Some(count))
    }

    fn write(&self, packet: &[u8]) -> io::Result<()> {
        let size = u32::try_from(packet.len()).map_err(io::Error::other)?;
        // SAFETY: the session is open. A full ring, and one that is going away, give none.
        let place = unsafe { (self.api.allocate)(self.session, size) };
        if place.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: as many bytes as were asked for, ours until they are sent.
        unsafe {
            place.copy_from_nonoverlapping(packet.as_ptr(), packet.len());
            (self.api.send)(self.session, place);
        }
        Ok(())
    }
}

/// Loads the library once more; it stays for as long as the process.
fn load(path: &Path) -> io::Result<Api> {
    let wide_path: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    // SAFETY: a text that ends with zero. The path is absolute, and what the library needs comes from the system's folder.
    let library = unsafe { LoadLibraryExW(wide_path.as_ptr(), 0, LOAD_LIBRARY_SEARCH_SYSTEM32) };
    if library == 0 { Err(io::Error::last_os_error()) } else { Api::of(library) }
}

/// `name` ends with zero.
fn find(library: HMODULE, name: &str) -> io::Result<Found> {
    // SAFETY: the library is loaded, and the name ends.
    let found: FARPROC = unsafe { GetProcAddress(library, name.as_ptr()) };
    found.ok_or_else(io::Error::last_os_error)
}

/// Where the library must be: in the folder of ours, never one of the search path.
fn beside_us() -> io::Result<PathBuf> {
    let mut own = 0;
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    let here = beside_us as *const u16;
    // SAFETY: with these flags the text is any address in the module, and is not read.
    if unsafe { GetModuleHandleExW(flags, here, &mut own) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut name = vec![0u16; 32_768];
    // SAFETY: the call writes at most as much as it is told there is.
    let length = unsafe { GetModuleFileNameW(own, name.as_mut_ptr(), name.len() as u32) };
    if length == 0 {
        return Err(io::Error::last_os_error());
    }
    let path = PathBuf::from(OsString::from_wide(&name[..length as usize]));
    Ok(path.with_file_name(LIBRARY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_looked_for_beside_ours_and_nowhere_else() {
        let path = beside_us().expect("a module");
        assert!(path.is_absolute() && path.ends_with(LIBRARY));
        assert_eq!(path.parent(), std::env::current_exe().expect("a program").parent());
    }

    #[test]
    fn without_the_library_there_is_no_device() {
        let error = Wintun::open("rhumb-test", 1_280).err().expect("no library here");
        assert_eq!(crate::errno::number(&error), libc::ENOENT);
    }
}
