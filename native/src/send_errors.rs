//! Errors of sends: each is counted, and told once a second for each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::counters::Count;
use crate::errno;
use crate::limits::EDGE_MS;
use crate::peer::Place;
use crate::state::{Shared, State};

/// Errors that were told lately.
const MAX_ERRORS: usize = 64;

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
        let now = shared.clock.now();
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (number, place.to.ip());
        if told.get(&key).is_some_and(|at| now.saturating_sub(*at) < EDGE_MS) {
            return;
        }
        if told.len() >= MAX_ERRORS {
            told.clear();
        }
        told.insert(key, now);
        drop(told);
        shared.path_error(state, Some(place.to), place.via, &errno::name(number));
    }
}
