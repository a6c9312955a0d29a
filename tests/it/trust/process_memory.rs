//! What builds and callers fill is bounded for the whole process.
