//! What sockets of every kind share: a port for two families, and errors of sends, which are counted, and told once a second.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::counters::Count;
use crate::errno;
use crate::limits::{DATA_OVERHEAD, EDGE_MS};
use crate::ops::Binding;
use crate::peer::Place;
use crate::ports::Datagrams;
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
    /// These did not leave.
    pub fn note(&self, shared: &Shared, state: &State, place: Place, number: i32, datagrams: &Datagrams) {
        let is_full = matches!(number, libc::EAGAIN | libc::ENOBUFS);
        let count = if is_full { Count::DropWouldBlock } else { Count::DropSendFailed };
        shared.counters.add(count, datagrams.count as u64);
        // A full socket is how a fast sender is slowed down; and what is longer than the tunnel's own datagrams asks what a
        // path takes, so that a refusal is an answer.
        let is_probe = datagrams.segment > state.mtu + DATA_OVERHEAD;
        if number == libc::EAGAIN || number == libc::EMSGSIZE && is_probe {
            return;
        }
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
    fn what_is_no_failure_is_counted_and_not_told() {
        let errors = SendErrors::default();
        let shared = Shared::new().expect("an engine");
        let state = State { mtu: 1_280, ..State::default() };
        let place = Place { to: std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 9)), via: 0 };
        let note = |number, len: usize| {
            errors.note(&shared, &state, place, number, &Datagrams::one(&vec![0; len]));
            shared.records.poll(&mut [0; 64]) != Ok(0)
        };
        assert!(!note(libc::EAGAIN, 100));
        assert!(!note(libc::EMSGSIZE, 1_313));
        assert!(note(libc::EMSGSIZE, 1_312));
        assert!(note(libc::ENOBUFS, 100));
        assert!(!note(libc::ENOBUFS, 100));
        assert_eq!((shared.counters.get(Count::DropWouldBlock), shared.counters.get(Count::DropSendFailed)), (3, 2));
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
