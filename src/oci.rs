//! Image references, registry logins and tokens.
//!
//! [`ImageRef`] is a name that was checked once; [`Auth`] holds the logins of a docker config;
//! `token::fetch` trades one for a bearer token; [`Registry`] asks whether a manifest exists.

mod auth;
mod client;
mod error;
mod reference;
mod registry;
pub(crate) mod token;

pub use auth::{Auth, BadDockerConfig, Login};
pub use client::LazyClient;
pub use error::OciError;
pub use reference::{BadImageRef, ImageRef};
pub use registry::Registry;
