//! See `argo_buildkit::fuzzing::push_report`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| argo_buildkit::fuzzing::push_report(input));
