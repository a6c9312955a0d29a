//! See `argo_buildkit::fuzzing::error_details`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| argo_buildkit::fuzzing::error_details(input));
