//! See `argo_buildkit::fuzzing::known_hosts`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| argo_buildkit::fuzzing::known_hosts(input));
