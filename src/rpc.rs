//! The executor-plugin RPC.
