//! A server that claims a commit it does not have is no proof of the right to read it.
