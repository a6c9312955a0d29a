//! Image references, registry logins and tokens.
//!
//! [`ImageRef`] is a checked image name. [`Auth`] holds the logins of a docker config. `token::fetch` exchanges a
//! login for a bearer token. [`Registry`] asks whether a manifest exists and whether a push or a delete would be accepted, stores
//! the logs of builds and signatures beside their images, copies images, and says what the tags of a repository name.

mod artifact;
mod auth;
mod build_log;
mod build_record;
mod client;
mod contents;
mod copy;
mod delete_right;
mod error;
mod lists;
mod log;
mod missing_blobs;
mod pages;
mod plain_http;
mod platform_index;
mod platforms;
mod present;
mod pull_right;
mod pull_rights;
mod push_right;
mod push_times;
mod read;
mod reference;
mod referrers;
mod referrers_api;
mod refusal;
mod registry;
mod repository;
mod signature;
mod tag_pages;
mod tags;
pub(crate) mod token;
mod token_issuer;
mod token_servers;
mod upload;

pub use artifact::{BuildArtifact, Descriptor, LOG_ARTIFACT, REPORT_ARTIFACT};
pub use auth::{Auth, BadDockerConfig, CredentialHelpers, Login};
pub use build_log::StoredLog;
pub use build_record::{BuildRecord, BuildSource};
pub use client::{LazyClient, RegistryTimeLimits};
pub use contents::{AttestationLayer, ImageContents, ImageLayer, PlatformContents};
pub use copy::{CopiedReferrers, CopyProgress, CopyTarget, SourceImage};
pub use delete_right::DeleteRight;
pub use error::OciError;
pub use platform_index::PlatformIndex;
pub use pull_rights::PullAnswers;
pub(crate) use pull_rights::{PullRightError, PullRights};
pub(crate) use reference::registry_of;
pub use reference::{BadImageRef, ImageRef};
pub use referrers_api::Referrers;
pub use registry::Registry;
pub use signature::{SignatureForm, SignatureStore, Verification};
pub use tags::{ChildManifest, Created, ImageConfig, ImageDetails, ImageManifest, TagList, TagReader};
pub use tags::{Deleted, TagDeleter};
pub use token_issuer::{BadSigningKey, CacheRights, IssuerOptions, TokenIssuer};
pub use token_servers::{BadTokenServer, TokenServer, TokenServers};
