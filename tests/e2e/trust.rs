//! A second tenant of the same buildkitd as the attacker: in another namespace, with a certificate or served by the same shared agent, with
//! a login and a repository of its own, and with Dockerfiles and workflows as it likes.

mod cache;
mod logins;
mod processes;
mod rights;
mod rival;
mod sources;
