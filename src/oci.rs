//! Image references, registry logins and tokens.
//!
//! [`ImageRef`] is a name that was checked once; [`Auth`] holds the logins of a docker config;
//! [`token::fetch`] trades one for a bearer token; [`Registry`] asks whether a manifest exists.

pub mod auth;
pub mod client;
pub mod error;
pub mod reference;
pub mod registry;
pub mod token;

pub use auth::{Auth, BadDockerConfig, Login};
pub use client::LazyClient;
pub use error::OciError;
pub use reference::{BadImageRef, ImageRef};
pub use registry::Registry;
