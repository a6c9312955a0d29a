//! See `argo_buildkit::fuzzing::file_spec`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| argo_buildkit::fuzzing::file_spec(input));
