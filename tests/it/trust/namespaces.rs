//! A list of namespaces in which one stands twice.
