//! Kubernetes Secrets by reference.
