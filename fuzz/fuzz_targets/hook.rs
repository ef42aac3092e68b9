//! The libFuzzer binary of one target; what it does is in `roomd_fuzz::hook`.
//!
//! Called by libFuzzer on its one thread, once an input. A panic is a finding.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| roomd_fuzz::hook::run(input));
