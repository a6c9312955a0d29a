//! What a Git server sends is bounded before it is kept.
