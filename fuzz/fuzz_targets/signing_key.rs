//! See `argo_buildkit::fuzzing::signing_key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| argo_buildkit::fuzzing::signing_key(input));
