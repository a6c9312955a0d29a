//! Prometheus metrics, labels bounded.
