//! Any bytes through the reader: it ends in time, breaks none of its promises, and however the text is cut into blocks
//! and shared among threads, the outcome is the same.

#![no_main]

use cleanzone_fuzz::{Bytes, Input, assert_same, outcome};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let input = Input::new(data);
    let plans = input.plans();
    let whole = outcome(Bytes(input.file, usize::MAX), plans, &input.options());
    let options = input.in_pieces();
    let pieces = outcome(Bytes(input.file, options.block_bytes), plans, &options);
    assert_same(&whole, &pieces, "how the text is cut changes what is read");
});
