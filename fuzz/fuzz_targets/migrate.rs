//! See `argo_buildkit::fuzzing::migrate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| argo_buildkit::fuzzing::migrate(input));
