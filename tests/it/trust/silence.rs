//! A server that falls silent keeps its own writer waiting, and nobody else.
