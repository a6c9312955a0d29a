//! Byte-exact edits of YAML manifests.
