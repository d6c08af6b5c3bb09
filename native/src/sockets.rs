//! What sockets of every kind share: a port for two families, and errors of sends, which are counted, and told once a second.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::counters::Count;
use crate::errno;
use crate::limits::EDGE_MS;
use crate::ops::Binding;
use crate::peer::Place;
use crate::state::{Shared, State};

/// What others ask for; without special rights the system gives what its limits allow.
pub const BUFFER: i32 = 7 << 20;
/// Hundreds of extra sockets are open at once, nearly all of them only to hear one probe.
pub const EXTRA_BUFFER: i32 = 256 << 10;
/// With any port the second family may find the first one's taken; then another is tried.
const PICK_ATTEMPTS: usize = 8;
/// Errors told in a second at most: when a network goes down, nothing can be sent to anybody, and whose path an address is
/// takes a look at all peers.
const MAX_ERRORS: usize = 64;

/// A socket of each family, IPv4 first, which `open` makes and `port_of` knows. The first family decides on the port. Only
/// where IPv4 is missing altogether IPv6 alone will do.
pub fn open_pair<S>(
    binding: &Binding,
    open: impl Fn(bool, &Binding) -> io::Result<S>,
    port_of: impl Fn(&S) -> u16,
) -> io::Result<(Option<S>, Option<S>)> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let v4 = open(false, binding);
        let port = v4.as_ref().map_or(binding.port, &port_of);
        let v6 = open(true, &Binding { port, ..*binding });
        match (v4, v6) {
            (Ok(v4), Ok(v6)) => return Ok((Some(v4), Some(v6))),
            (Ok(v4), Err(error)) if errno::number(&error) != libc::EADDRINUSE => return Ok((Some(v4), None)),
            (Ok(_), Err(error)) if binding.port != 0 || attempt >= PICK_ATTEMPTS => return Err(error),
            (Ok(_), Err(_)) => {}
            (Err(error), Ok(v6)) if errno::number(&error) == libc::EAFNOSUPPORT => return Ok((None, Some(v6))),
            (Err(error), _) => return Err(error),
        }
    }
}

/// When which error was told last.
#[derive(Default)]
pub struct SendErrors(Mutex<HashMap<(i32, IpAddr), u64>>);

impl SendErrors {
    /// `count` datagrams did not leave.
    pub fn note(&self, shared: &Shared, state: &State, place: Place, number: i32, count: usize) {
        if matches!(number, libc::EAGAIN | libc::ENOBUFS) {
            return shared.counters.add(Count::DropWouldBlock, count as u64);
        }
        shared.counters.add(Count::DropSendFailed, count as u64);
        if self.is_new((number, place.to.ip()), shared.clock.now()) {
            shared.path_error(state, Some(place.to), place.via, &errno::name(number));
        }
    }

    fn is_new(&self, error: (i32, IpAddr), now: u64) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &u64| now.saturating_sub(*at) < EDGE_MS;
        if told.get(&error).is_some_and(is_recent) {
            return false;
        }
        if told.len() >= MAX_ERRORS {
            told.retain(|_, at| is_recent(at));
        }
        let has_room = told.len() < MAX_ERRORS;
        if has_room {
            told.insert(error, now);
        }
        has_room
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    type Opened = io::Result<(Option<u16>, Option<u16>)>;

    /// And in how many attempts.
    fn open(binding: &Binding, v4: Result<u16, i32>, v6: Result<u16, i32>) -> (Opened, usize) {
        let attempts = std::cell::Cell::new(0);
        let one = |is_ipv6: bool, _: &Binding| {
            attempts.set(attempts.get() + usize::from(!is_ipv6));
            (if is_ipv6 { v6 } else { v4 }).map_err(io::Error::from_raw_os_error)
        };
        let result = open_pair(binding, one, |port| *port);
        (result, attempts.get())
    }

    #[test]
    fn one_family_may_be_missing_but_no_port_may_be_taken() {
        let any = Binding::default();
        let fixed = Binding { port: 5, ..any };
        assert_eq!(open(&any, Ok(7), Ok(7)).0.ok(), Some((Some(7), Some(7))));
        assert_eq!(open(&any, Ok(7), Err(libc::EAFNOSUPPORT)).0.ok(), Some((Some(7), None)));
        assert_eq!(open(&any, Err(libc::EAFNOSUPPORT), Ok(7)).0.ok(), Some((None, Some(7))));
        assert!(open(&any, Err(libc::EACCES), Ok(7)).0.is_err());
        let (result, attempts) = open(&any, Ok(7), Err(libc::EADDRINUSE));
        assert!(result.is_err() && attempts == PICK_ATTEMPTS);
        let (result, attempts) = open(&fixed, Ok(5), Err(libc::EADDRINUSE));
        assert!(result.is_err() && attempts == 1);
    }

    #[test]
    fn few_errors_are_told_in_a_second_whatever_their_addresses() {
        let errors = SendErrors::default();
        let ip = |i: u32| IpAddr::V4(Ipv4Addr::from_bits(i));
        assert!(errors.is_new((101, ip(1)), 5));
        assert!(!errors.is_new((101, ip(1)), 1_004));
        assert!(errors.is_new((101, ip(1)), 1_005));
        assert!(errors.is_new((113, ip(1)), 1_005));
        assert_eq!((0..1_000).filter(|i| errors.is_new((101, ip(*i)), 1_100)).count(), 62);
        assert_eq!((0..1_000).filter(|i| errors.is_new((101, ip(*i)), 2_100)).count(), 64);
    }
}
