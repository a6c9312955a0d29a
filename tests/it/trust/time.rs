//! The work for a field grows with its size, and no faster; what is too large is refused.
