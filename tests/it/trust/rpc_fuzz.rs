//! Whatever is sent to the RPC, the process lives and answers.
