//! Image references, registry logins and tokens.
//!
//! [`ImageRef`] is a name that was checked once; [`Auth`] holds the logins of a docker config;
//! `token::fetch` trades one for a bearer token; [`Registry`] asks whether a manifest exists and whether a
//! push would be let in, and keeps the logs of builds beside their images.

mod artifact;
mod auth;
mod client;
mod error;
mod lists;
mod log;
mod mint;
mod plain;
mod platforms;
mod pull_right;
mod pull_rights;
mod push_right;
mod read;
mod reference;
mod registry;
mod repository;
pub(crate) mod token;
mod token_servers;
mod upload;
mod whole;

pub use artifact::{Descriptor, LOG_ARTIFACT, LogArtifact};
pub use auth::{Auth, BadDockerConfig, Login};
pub use client::{LazyClient, Limits};
pub use error::OciError;
pub use mint::{BadSigningKey, CacheRights, Mint, MintOptions};
pub use pull_rights::PullAnswers;
pub(crate) use pull_rights::{NoPull, PullRights};
pub(crate) use reference::registry_of;
pub use reference::{BadImageRef, ImageRef};
pub use registry::Registry;
pub use token_servers::{BadTokenServer, TokenServer, TokenServers};
