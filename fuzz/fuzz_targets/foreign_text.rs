//! See `argo_buildkit::fuzzing::foreign_text`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| argo_buildkit::fuzzing::foreign_text(input));
