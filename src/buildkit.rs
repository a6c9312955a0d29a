//! BuildKit control API client: solve, session tunnel, progress, errors, history.
