//! The install uses a token that reads sources and another that writes the GitOps repository.
