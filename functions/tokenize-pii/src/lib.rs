//! What the function does with an object, on any store and any vault, so that it can be measured without a network.

mod columns;
mod delivery;
mod detect;
mod error;
mod handler;
mod rejected;
mod replace;
mod tokenize;

use cleanzone_allocator::{Limit, limit};

pub use handler::TokenizePii;
pub use tokenize::Tokenizer;

/// Has the allocator keep little of what many threads have freed. To be called before there is a second one.
pub fn limit_memory() {
    limit(&[(Limit::Heaps, 2), (Limit::Kept, 4 << 20), (Limit::Unmapped, 1 << 20)]);
}
