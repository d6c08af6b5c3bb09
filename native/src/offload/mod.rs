//! Segmentation between the host's large packets and the wire's small ones, both ways (data-plane.md §2.3, §2.4, §2.9).

pub mod checksum;
pub mod coalesce;
pub mod probe;
mod shape;
pub mod split;
pub mod vnet;
