//! See `argo_buildkit::fuzzing::docker_config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| argo_buildkit::fuzzing::docker_config(input));
