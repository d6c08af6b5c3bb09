//! The clock that goes on while the machine sleeps.

use windows_sys::Win32::System::SystemInformation::GetTickCount64;

/// Its milliseconds, 10 to 16 at a time.
pub fn boot_ms() -> u64 {
    // SAFETY: the call takes nothing.
    unsafe { GetTickCount64() }
}
