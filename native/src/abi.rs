//! The C interface: integers and borrowed buffers only, nothing is kept and nobody is called back (data-plane.md §4.1 to §4.3).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

use crate::counters::COUNTERS;
use crate::crypto::backend::Backend;
use crate::engine::{Engine, Failure};

/// Major version in the upper half, minor in the lower; the same as in `ffi/engine.ts`.
const ABI: u32 = 1 << 16 | 1;
/// No call takes more.
const MAX_BUFFER: u32 = 64 << 20;
/// Bytes of a refusal: operation, fault, number.
const REFUSAL: usize = 12;
/// Bytes of one peer in `pe_peers`: number, padding, ten words.
const PEER: usize = 8 + 10 * 8;

struct Slot {
    generation: u32,
    engine: Option<Arc<Engine>>,
}

static SLOTS: RwLock<Vec<Slot>> = RwLock::new(Vec::new());

/// Generations take what a safe integer of JavaScript leaves beside the slot.
const GENERATIONS: u32 = 1 << 20;

fn handle(slot: usize, generation: u32) -> i64 {
    i64::from(generation) << 32 | slot as i64
}

fn engine_of(handle: u64) -> Result<Arc<Engine>, Failure> {
    let slots = SLOTS.read().unwrap_or_else(PoisonError::into_inner);
    let slot = slots.get(handle as u32 as usize).ok_or(Failure::Stale)?;
    if u64::from(slot.generation) != handle >> 32 {
        return Err(Failure::Stale);
    }
    slot.engine.clone().ok_or(Failure::Stale)
}

/// Runs `work` on a living engine; a panic ends it, and later calls say so.
fn with(handle: u64, work: impl FnOnce(&Engine) -> Result<i32, Failure>) -> i32 {
    let result = engine_of(handle).and_then(|engine| {
        if engine.shared().is_poisoned() {
            return Err(Failure::Panicked);
        }
        catch_unwind(AssertUnwindSafe(|| work(&engine))).unwrap_or_else(|panic| {
            engine.shared().poison(&*panic);
            Err(Failure::Panicked)
        })
    });
    result.unwrap_or_else(Failure::code)
}

/// # Safety
/// `data` must be valid for `len` bytes while the result is used, unless `len` is 0.
unsafe fn input<'a>(data: *const u8, len: u32) -> Result<&'a [u8], Failure> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() || len > MAX_BUFFER {
        return Err(Failure::Invalid);
    }
    // SAFETY: not null, and valid as the caller vouches.
    Ok(unsafe { std::slice::from_raw_parts(data, len as usize) })
}

/// # Safety
/// `data` must be valid for writing `len` bytes while the result is used, unless `len` is 0; nobody else may use it.
unsafe fn output<'a>(data: *mut u8, len: u32) -> Result<&'a mut [u8], Failure> {
    if len == 0 {
        return Ok(&mut []);
    }
    if data.is_null() || len > MAX_BUFFER {
        return Err(Failure::Invalid);
    }
    // SAFETY: not null, valid and unshared as the caller vouches.
    Ok(unsafe { std::slice::from_raw_parts_mut(data, len as usize) })
}

/// Copies to the front of `out`; gives how many bytes.
fn put(out: &mut [u8], bytes: &[u8]) -> Result<i32, Failure> {
    let Some(place) = out.get_mut(..bytes.len()) else {
        if let Some(size) = out.get_mut(..4) {
            size.copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        }
        return Err(Failure::TooSmall);
    };
    place.copy_from_slice(bytes);
    Ok(bytes.len() as i32)
}

/// Version of this interface.
#[unsafe(no_mangle)]
pub extern "C" fn pe_abi() -> u32 {
    ABI
}

/// Name of the cipher at work, as UTF-8; gives its length.
///
/// # Safety
/// `out` must be valid for writing `cap` bytes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pe_info(out: *mut u8, cap: u32) -> i32 {
    let result = catch_unwind(|| {
        // SAFETY: as for this function.
        unsafe { output(out, cap) }.and_then(|out| put(out, Backend::chosen().name().as_bytes()))
    });
    result.unwrap_or(Err(Failure::Panicked)).unwrap_or_else(Failure::code)
}

/// Makes an engine, without threads; gives its handle. The configuration comes with an operation.
#[unsafe(no_mangle)]
pub extern "C" fn pe_create() -> i64 {
    let made = catch_unwind(|| -> Result<i64, Failure> {
        let engine = Arc::new(Engine::new()?);
        let mut slots = SLOTS.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.iter().position(|slot| slot.engine.is_none()) {
            let place = &mut slots[slot];
            place.generation = place.generation % (GENERATIONS - 1) + 1;
            place.engine = Some(engine);
            return Ok(handle(slot, place.generation));
        }
        slots.push(Slot { generation: 1, engine: Some(engine) });
        Ok(handle(slots.len() - 1, 1))
    });
    made.unwrap_or(Err(Failure::Panicked)).unwrap_or_else(|failure| failure.code().into())
}

/// Opens what was configured, and starts threads.
#[unsafe(no_mangle)]
pub extern "C" fn pe_start(handle: u64) -> i32 {
    with(handle, |engine| engine.start().map(|()| 0))
}

/// Starts with the descriptors of an engine that failed, which is good for nothing afterwards but to be destroyed.
#[unsafe(no_mangle)]
pub extern "C" fn pe_start_from(handle: u64, failed: u64) -> i32 {
    with(handle, |engine| {
        let failed = engine_of(failed)?;
        if std::ptr::eq(engine, &*failed) {
            return Err(Failure::Invalid);
        }
        engine.start_from(&failed).map(|()| 0)
    })
}

/// Does a batch of operations, all or none. When it is refused, `res` says which operation, why and about what.
///
/// # Safety
/// `ops` must be valid for reading `len` bytes, `res` for writing `cap` bytes, during the call; they must not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pe_apply(handle: u64, ops: *const u8, len: u32, res: *mut u8, cap: u32) -> i32 {
    with(handle, |engine| {
        // SAFETY: as for this function.
        let (ops, out) = unsafe { (input(ops, len)?, output(res, cap)?) };
        let Err((failure, refusal)) = engine.apply(ops) else { return Ok(0) };
        if let Some((op, fault, number)) = refusal
            && let Some(place) = out.get_mut(..REFUSAL)
        {
            for (bytes, value) in place.chunks_mut(4).zip([op as u32, fault as u32, number]) {
                bytes.copy_from_slice(&value.to_le_bytes());
            }
        }
        Err(failure)
    })
}

/// Moves records to `out`; gives how many bytes. At 0 there are none, and the next one makes the wake descriptor readable.
///
/// # Safety
/// `out` must be valid for writing `cap` bytes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pe_poll(handle: u64, out: *mut u8, cap: u32) -> i32 {
    with_any(handle, |engine| {
        // SAFETY: as for this function.
        let out = unsafe { output(out, cap)? };
        match engine.shared().records.poll(out) {
            Ok(written) => Ok(written as i32),
            Err(needed) => {
                if let Some(size) = out.get_mut(..4) {
                    size.copy_from_slice(&(needed as u32).to_le_bytes());
                }
                Err(Failure::TooSmall)
            }
        }
    })
}

/// Also for an engine that failed, whose last words are to be heard.
fn with_any(handle: u64, work: impl FnOnce(&Engine) -> Result<i32, Failure>) -> i32 {
    let result = engine_of(handle).and_then(|engine| {
        catch_unwind(AssertUnwindSafe(|| work(&engine))).unwrap_or_else(|panic| {
            engine.shared().poison(&*panic);
            Err(Failure::Panicked)
        })
    });
    result.unwrap_or_else(Failure::code)
}

/// Takes packets in; gives how many were accepted.
///
/// # Safety
/// `recs` must be valid for reading `len` bytes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pe_inject(handle: u64, recs: *const u8, len: u32) -> i32 {
    with(handle, |engine| {
        // SAFETY: as for this function.
        let records = unsafe { input(recs, len)? };
        engine.inject(records).map(|accepted| accepted as i32).ok_or(Failure::Invalid)
    })
}

/// The descriptor that becomes readable when there are records; it stays the engine's. Windows has none: see `pe_wait`.
#[unsafe(no_mangle)]
pub extern "C" fn pe_wakefd(handle: u64) -> i32 {
    with_any(handle, |engine| {
        #[cfg(unix)]
        {
            Ok(engine.shared().records.wake.fd())
        }
        #[cfg(not(unix))]
        {
            let _ = engine;
            Err(Failure::NotSupported)
        }
    })
}

/// Blocks the calling thread until there are records, at most `ms`; 1 when there are. For systems without such a descriptor.
/// Like it, only after `pe_poll` gave 0 it waits for what is new. `pe_stop` and `pe_destroy` end it.
#[unsafe(no_mangle)]
pub extern "C" fn pe_wait(handle: u64, ms: u32) -> i32 {
    with_any(handle, |engine| Ok(i32::from(engine.shared().records.wait(ms))))
}

/// All counters, 64 bits each, in the order of `counters.rs`; gives how many bytes.
///
/// # Safety
/// `out` must be valid for writing `cap` bytes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pe_stats(handle: u64, out: *mut u8, cap: u32) -> i32 {
    with_any(handle, |engine| {
        // SAFETY: as for this function.
        let out = unsafe { output(out, cap)? };
        let mut bytes = [0; COUNTERS * 8];
        for (place, value) in bytes.chunks_mut(8).zip(engine.shared().counters.read()) {
            place.copy_from_slice(&value.to_le_bytes());
        }
        put(out, &bytes)
    })
}

/// Number and activity words of the `n` peers listed (unknown ones are left out), or, without a list, of all that ever had
/// traffic; gives how many bytes.
///
/// # Safety
/// `ids` must be valid for reading `n` numbers of 32 bits, `out` for writing `cap` bytes, during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pe_peers(handle: u64, ids: *const u8, n: u32, out: *mut u8, cap: u32) -> i32 {
    with(handle, |engine| {
        let size = n.checked_mul(4).ok_or(Failure::Invalid)?;
        // SAFETY: as for this function.
        let (ids, out) = unsafe { (input(ids, size)?, output(out, cap)?) };
        let state = engine.shared().read();
        let wanted = ids.as_chunks::<4>().0.iter().filter_map(|id| state.peers.get(&u32::from_le_bytes(*id)));
        let active = state.peers.values().filter(|peer| n == 0 && peer.activity.had_traffic());
        let mut bytes = Vec::new();
        for peer in wanted.chain(active) {
            bytes.extend(u64::from(peer.id).to_le_bytes());
            bytes.extend(peer.activity.words().into_iter().flat_map(u64::to_le_bytes));
        }
        debug_assert!(bytes.len().is_multiple_of(PEER));
        put(out, &bytes)
    })
}

/// What each rule of the filter let in, and what it nearly did, 64 bits each; gives how many bytes.
///
/// # Safety
/// `out` must be valid for writing `cap` bytes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pe_rules(handle: u64, out: *mut u8, cap: u32) -> i32 {
    with(handle, |engine| {
        // SAFETY: as for this function.
        let out = unsafe { output(out, cap)? };
        let state = engine.shared().read();
        let counts = state.filter.rules.iter().flat_map(|rules| rules.counts());
        let bytes: Vec<u8> = counts.flat_map(|(passed, near)| [passed, near]).flat_map(u64::to_le_bytes).collect();
        put(out, &bytes)
    })
}

/// Bound UDP port in 16 bits, 0 without one, then the device's name as UTF-8; gives how many bytes.
///
/// # Safety
/// `out` must be valid for writing `cap` bytes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pe_ends(handle: u64, out: *mut u8, cap: u32) -> i32 {
    with(handle, |engine| {
        // SAFETY: as for this function.
        let out = unsafe { output(out, cap)? };
        let (port, name) = engine.ends();
        let mut bytes = port.to_le_bytes().to_vec();
        bytes.extend(name.as_bytes());
        put(out, &bytes)
    })
}

/// Engine clock, ms.
#[unsafe(no_mangle)]
pub extern "C" fn pe_now(handle: u64) -> i64 {
    engine_of(handle).map_or_else(|failure| failure.code().into(), |engine| engine.shared().clock.now() as i64)
}

/// Ends threads and closes descriptors; what the engine knows stays.
#[unsafe(no_mangle)]
pub extern "C" fn pe_stop(handle: u64) -> i32 {
    with(handle, |engine| {
        engine.stop();
        Ok(0)
    })
}

/// Ends the engine, wipes its keys and forgets it. Waits for its threads, which are never busy for long.
#[unsafe(no_mangle)]
pub extern "C" fn pe_destroy(handle: u64) -> i32 {
    let mut slots = SLOTS.write().unwrap_or_else(PoisonError::into_inner);
    let slot = slots.get_mut(handle as u32 as usize).filter(|slot| u64::from(slot.generation) == handle >> 32);
    let taken = slot.and_then(|slot| slot.engine.take());
    drop(slots);
    let Some(engine) = taken else { return Failure::Stale.code() };
    match catch_unwind(AssertUnwindSafe(|| engine.destroy())) {
        Ok(()) => 0,
        Err(_) => Failure::Panicked.code(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both sides played by the caller.
    const CONFIGURE: [u8; 40] = {
        let mut op = [0; 40];
        (op[0], op[4], op[8], op[12], op[16], op[17]) = (28, 32, 2, 2, 0, 5);
        op
    };

    fn apply(handle: u64, ops: &[u8]) -> i32 {
        let mut result = [0; REFUSAL];
        // SAFETY: two buffers of ours.
        unsafe { pe_apply(handle, ops.as_ptr(), ops.len() as u32, result.as_mut_ptr(), REFUSAL as u32) }
    }

    #[test]
    fn a_handle_is_good_once() {
        let first = pe_create() as u64;
        assert_eq!(apply(first, &[]), 0);
        assert_eq!(pe_destroy(first), 0);
        assert_eq!((pe_destroy(first), pe_start(first), apply(first, &[])), (-2, -2, -2));
        let second = pe_create() as u64;
        assert_ne!(first, second);
        assert_eq!((pe_start(0), pe_start(u64::MAX)), (-2, -2));
        assert_eq!(pe_destroy(second), 0);
    }

    /// What several threads get that do the same at once.
    fn at_once(work: impl Fn() -> i32 + Sync) -> [i32; 2] {
        let both = std::sync::Barrier::new(2);
        let one = || {
            both.wait();
            work()
        };
        std::thread::scope(|scope| {
            let threads = [scope.spawn(one), scope.spawn(one)];
            threads.map(|thread| thread.join().expect("no panic"))
        })
    }

    #[test]
    fn of_two_threads_that_end_an_engine_one_does() {
        for _ in 0..2_000 {
            let handle = pe_create() as u64;
            let mut results = at_once(|| pe_destroy(handle));
            results.sort_unstable();
            assert_eq!(results, [-2, 0]);
        }
    }

    #[test]
    fn of_two_threads_that_add_a_peer_one_does() {
        let mut add = [0; 48];
        (add[0], add[4], add[8]) = (2, 40, 5);
        for _ in 0..2_000 {
            let handle = pe_create() as u64;
            let mut results = at_once(|| apply(handle, &add));
            results.sort_unstable();
            assert_eq!(results, [Failure::Refused.code(), 0]);
            assert_eq!(pe_destroy(handle), 0);
        }
    }

    #[test]
    fn calls_in_the_wrong_order_are_refused() {
        let handle = pe_create() as u64;
        assert_eq!(pe_start(handle), Failure::WrongState.code());
        assert_eq!(apply(handle, &CONFIGURE), 0);
        assert_eq!(pe_start(handle), 0);
        assert_eq!(pe_start(handle), Failure::WrongState.code());
        assert_eq!(apply(handle, &CONFIGURE), Failure::Refused.code());
        assert_eq!((pe_stop(handle), pe_stop(handle)), (0, 0));
        assert_eq!(pe_start(handle), 0);
        assert_eq!(pe_destroy(handle), 0);
    }

    #[test]
    fn null_and_absurd_buffers_are_refused() {
        let handle = pe_create() as u64;
        // SAFETY: null is refused before it is looked at, and so is what is too long.
        unsafe {
            assert_eq!(pe_apply(handle, std::ptr::null(), 1, std::ptr::null_mut(), 0), -1);
            assert_eq!(pe_poll(handle, std::ptr::null_mut(), 9), -1);
            assert_eq!(pe_inject(handle, [0u8].as_ptr(), u32::MAX), -1);
            assert_eq!(pe_peers(handle, [0u8].as_ptr(), u32::MAX, std::ptr::null_mut(), 0), -1);
        }
        assert_eq!(pe_destroy(handle), 0);
    }

    #[test]
    fn a_panic_ends_the_engine_and_another_takes_over_its_ends() {
        let failed = pe_create() as u64;
        assert_eq!((apply(failed, &CONFIGURE), pe_start(failed)), (0, 0));
        assert_eq!(with(failed, |_| panic!("on purpose")), Failure::Panicked.code());
        assert_eq!(apply(failed, &[]), Failure::Panicked.code());
        let mut out = [0; 64];
        // SAFETY: a buffer of ours.
        assert_eq!(unsafe { pe_poll(failed, out.as_mut_ptr(), 64) }, 32);
        assert_eq!((out[4], &out[16..26]), (crate::records::Kind::Fatal as u8, &b"on purpose"[..]));
        let next = pe_create() as u64;
        assert_eq!((apply(next, &CONFIGURE), pe_start_from(next, failed)), (0, 0));
        assert_eq!(pe_start_from(next, next), -1);
        assert_eq!((pe_destroy(failed), pe_destroy(next)), (0, 0));
    }
}
