//! Attacks of one tenant on another, and of one input on the process, mostly with real servers.

mod amended;
mod bound_secrets;
mod cache_registry;
mod deaths;
mod escapes;
mod forged_proof;
mod gate;
mod git_login;
mod git_memory;
mod namespaces;
mod order;
mod private_images;
mod process_memory;
mod process_sandbox;
mod redaction;
mod redirects;
mod reply_memory;
mod rpc_fuzz;
mod silence;
mod submodules;
mod time;
mod two_tokens;
