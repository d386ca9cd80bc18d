//! What the function does with an object, on any store and any vault, so that it can be measured without a network.

mod columns;
mod delivery;
mod detect;
mod error;
mod handler;
mod rejected;
mod replace;
mod tokenize;

pub use handler::TokenizePii;
pub use tokenize::Tokenizer;
