//! The attacker is a second tenant of the same buildkitd: in another namespace, with a certificate or with the same
//! shared agent, with its own login and repository, and with any Dockerfiles and workflows.

mod cache;
mod logins;
mod processes;
mod rights;
mod rival;
mod sources;
