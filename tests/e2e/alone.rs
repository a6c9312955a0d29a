//! What others would feel: servers that are killed, parts of the installation that are taken away. So these tests run one after the other,
//! before all others.

mod cache;
pub(crate) mod doctor;
mod faults;
mod way_back;
