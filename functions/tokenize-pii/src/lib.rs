//! What the function does with an object, on any store and any vault, so that it can be measured without a network.

mod columns;
mod delivery;
mod detect;
mod error;
mod handler;
mod rejected;
mod replace;
mod tokenize;

use cleanzone_allocator::{limit, of_function};

pub use handler::TokenizePii;
pub use tokenize::Tokenizer;

/// Has the allocator keep little of what many threads have freed. To be called before there is a second one.
pub fn limit_memory() {
    limit(&of_function(2));
}
