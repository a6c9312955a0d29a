//! See `argo_buildkit::fuzzing::build_status`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| argo_buildkit::fuzzing::build_status(input));
