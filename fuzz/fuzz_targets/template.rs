//! See `argo_buildkit::fuzzing::template`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| argo_buildkit::fuzzing::template(input));
