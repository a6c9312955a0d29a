//! What a registry, a token server or a forge answers is bounded before it is kept.
