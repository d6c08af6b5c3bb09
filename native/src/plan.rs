//! Checks a whole batch of operations before any of it is done: all or none (data-plane.md §4.5).

use std::collections::HashSet;

use crate::hash::QuickMap;
use crate::ops::Op;
use crate::state::{Indices, State};

/// Extra sockets, and the largest number of one (nat-traversal.md §11.4).
const MAX_SOCKETS: usize = 512;
const MAX_SOCKET_ID: u32 = 1 << 20;
const MAX_PEER_ID: u32 = 1 << 20;

/// Why a batch is refused. The numbers are those that TypeScript reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs)]
pub enum Fault {
    NoPeer = 1,
    PeerExists = 2,
    BadPeerId = 3,
    IndexInUse = 4,
    BadSocketId = 5,
    SocketExists = 6,
    TooManySockets = 7,
    /// The engine is running.
    Running = 8,
}

/// The operation at fault, what is wrong, and the number that it is about.
pub type Refusal = (usize, Fault, u32);

/// The state as it would be after the operations looked at so far, as far as later ones depend on it.
struct Plan<'a> {
    state: &'a State,
    known: &'a Indices,
    now: u64,
    peers: QuickMap<u32, bool>,
    indices: QuickMap<u32, Option<u32>>,
    sockets: HashSet<u32>,
}

/// Finds the first fault; nothing is touched.
pub fn check(ops: &[Op], state: &State, known: &Indices, now: u64) -> Result<(), Refusal> {
    let mut plan = Plan {
        state,
        known,
        now,
        peers: QuickMap::default(),
        indices: QuickMap::default(),
        sockets: state.extra.clone(),
    };
    for (i, op) in ops.iter().enumerate() {
        plan.check(op).map_err(|(fault, number)| (i, fault, number))?;
    }
    Ok(())
}

impl Plan<'_> {
    fn check(&mut self, op: &Op) -> Result<(), (Fault, u32)> {
        match op {
            Op::PeerAdd { peer, .. } => {
                if !(1..=MAX_PEER_ID).contains(peer) {
                    return Err((Fault::BadPeerId, *peer));
                }
                if self.has(*peer) {
                    return Err((Fault::PeerExists, *peer));
                }
                self.peers.insert(*peer, true);
            }
            Op::PeerDel(peer) => {
                self.need(*peer)?;
                self.peers.insert(*peer, false);
            }
            Op::RoutesSet(routes) | Op::RoutesChange { add: routes, .. } => {
                for (_, peer) in routes {
                    self.need(*peer)?;
                }
            }
            Op::InstallKeypair(keypair) => {
                self.need(keypair.peer)?;
                let owner = self.owner(keypair.local_index);
                // An initiator's keypair takes the index over from its pending handshake.
                if !(keypair.is_initiator && owner == Some(keypair.peer)) {
                    self.claim(keypair.local_index, keypair.peer)?;
                }
            }
            Op::PendingAdd { index, peer } => {
                self.need(*peer)?;
                self.claim(*index, *peer)?;
            }
            Op::PendingDel(index) => {
                self.indices.insert(*index, None);
            }
            Op::EraseKeys(0) => {}
            Op::EraseKeys(peer)
            | Op::EraseOlderKeys { peer, .. }
            | Op::ExpireSend(peer)
            | Op::DropStaged(peer)
            | Op::PathSet { peer, .. }
            | Op::PeerHeard { peer, .. }
            | Op::SendKeepalive(peer) => self.need(*peer)?,
            Op::SocketOpen { socket, .. } => {
                if !(1..=MAX_SOCKET_ID).contains(socket) {
                    return Err((Fault::BadSocketId, *socket));
                }
                if self.sockets.contains(socket) {
                    return Err((Fault::SocketExists, *socket));
                }
                if self.sockets.len() >= MAX_SOCKETS {
                    return Err((Fault::TooManySockets, *socket));
                }
                self.sockets.insert(*socket);
            }
            Op::SocketClose(socket) => {
                self.sockets.remove(socket);
            }
            Op::Configure(_) if self.state.is_running => return Err((Fault::Running, 0)),
            Op::SetIdentity(_)
            | Op::FilterSet(_)
            | Op::TcpOpen(_)
            | Op::LocalIps(_)
            | Op::Bind(_)
            | Op::Flags(_)
            | Op::ExpireHeld
            | Op::Capture(_)
            | Op::Clock(_)
            | Op::RunClock(_)
            | Op::Configure(_) => {}
        }
        Ok(())
    }

    fn has(&self, peer: u32) -> bool {
        self.peers.get(&peer).copied().unwrap_or_else(|| self.state.peers.contains_key(&peer))
    }

    fn need(&self, peer: u32) -> Result<(), (Fault, u32)> {
        if self.has(peer) { Ok(()) } else { Err((Fault::NoPeer, peer)) }
    }

    fn claim(&mut self, index: u32, peer: u32) -> Result<(), (Fault, u32)> {
        if self.owner(index).is_some() {
            return Err((Fault::IndexInUse, index));
        }
        self.indices.insert(index, Some(peer));
        Ok(())
    }

    fn owner(&self, index: u32) -> Option<u32> {
        if let Some(planned) = self.indices.get(&index) {
            return *planned;
        }
        // A dead keypair holds no index against a living one.
        let living = self.known.keypair(index).filter(|(_, keypair)| keypair.is_alive(self.now));
        living.map(|(peer, _)| peer.id).or_else(|| self.known.pending(index).map(|peer| peer.id))
    }
}
