//! See `argo_buildkit::fuzzing::forge_refusal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| argo_buildkit::fuzzing::forge_refusal(input));
