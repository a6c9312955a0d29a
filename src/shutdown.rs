//! Signals, and the order of the drain.
