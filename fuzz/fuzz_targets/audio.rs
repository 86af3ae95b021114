#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| duologue_fuzz::audio::run(data));
