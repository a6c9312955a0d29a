//! Tests that would disturb others: servers are killed, parts of the installation are removed. So they run one after
//! the other, before all others.

mod cache;
pub(crate) mod doctor;
pub(crate) mod events;
mod faults;
mod way_back;
