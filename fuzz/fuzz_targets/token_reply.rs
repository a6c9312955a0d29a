//! See `argo_buildkit::fuzzing::token_reply`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| argo_buildkit::fuzzing::token_reply(input));
