//! See `argo_buildkit::fuzzing::pack_sizes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| argo_buildkit::fuzzing::pack_sizes(input));
