//! An event: signalled until cleared.

use std::io;
use std::ptr::null;

use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, WAIT_OBJECT_0};
use windows_sys::Win32::System::Threading::{
    CreateEventW, INFINITE, ResetEvent, SetEvent, WaitForMultipleObjects, WaitForSingleObject,
};

/// One of ours.
pub struct Event(HANDLE);

impl Event {
    /// Not signalled.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no attributes and no name: nothing of ours is read.
        let handle = unsafe { CreateEventW(null(), 1, 0, null()) };
        if handle == 0 { Err(io::Error::last_os_error()) } else { Ok(Self(handle)) }
    }

    /// It stays this object's.
    pub fn handle(&self) -> HANDLE {
        self.0
    }

    /// Ends waits, now and later.
    pub fn signal(&self) {
        // SAFETY: the handle is open as long as this object lives.
        unsafe { SetEvent(self.0) };
    }

    /// As if there had been no signal.
    pub fn clear(&self) {
        // SAFETY: as above.
        unsafe { ResetEvent(self.0) };
    }

    /// Waits for a signal, at most `ms`; it stays.
    pub fn wait(&self, ms: u32) -> bool {
        // SAFETY: as above.
        unsafe { WaitForSingleObject(self.0, ms) == WAIT_OBJECT_0 }
    }

    /// Waits until this or another one, which must be open, is signalled.
    pub fn wait_with(&self, other: HANDLE) {
        let both = [self.0, other];
        // SAFETY: two handles, as many as the call is told.
        unsafe { WaitForMultipleObjects(2, both.as_ptr(), 0, INFINITE) };
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: it is ours, and nobody has it any more.
        unsafe { CloseHandle(self.0) };
    }
}
