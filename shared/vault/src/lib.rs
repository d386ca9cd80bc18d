//! The token vault: random tokens for personal values, and the way back.
//!
//! [`TokenVault`] is what can be asked of a vault: [`tokenize`](TokenVault::tokenize) a batch of values of one
//! [`Field`], [`resolve`](TokenVault::resolve) tokens, forget a value or a token, and rotate the data key.
//! [`DynamoVault`] keeps it in `DynamoDB` under a key of KMS, [`MemoryVault`] in memory, for tests.
//!
//! # What is promised
//!
//! - A [`Token`] is 128 random bits of the operating system, and nothing of the value. It is known as a token by its
//!   text alone, and never tokenized again.
//! - A value has one token in a scope and as a type, whoever asks, in whatever process, at whatever time: an item is
//!   inserted under the value's fingerprint only where there is none, and who comes second takes what is there. A
//!   failure at any step, or an answer that is lost, never leads to a second token that anybody has seen.
//! - In the table a value is only sealed: AES-256-GCM under a data key, bound to its token, scope, type and key. The
//!   fingerprint is HMAC-SHA-256 under the index key, so that whoever copies the table cannot try out values. What the
//!   table does show is how many values of which scope and type there are, how long each is, and when it came.
//! - Each item carries a proof (HMAC-SHA-256 under a key derived from the index key) over all of it. What was changed is
//!   found before it is used: [`Resolution::Tampered`] or [`Error::Tampered`], and never another value or token.
//! - No error, log line or `Debug` output holds a value. Keys and resolved values are overwritten when dropped; what the
//!   HTTP client and the allocator have had in between is beyond reach.
//!
//! # The table
//!
//! One attribute is the whole primary key, `pk`, a string; there is no index.
//!
//! | item | holds | written |
//! |---|---|---|
//! | `value#<fingerprint>`, the entry | `token`, `scope`, `type`, `key`, `sealed`, `proof` | second, where there is none |
//! | `token#<token>`, the pointer | `entry`, `proof` | first |
//! | `key#index`, `key#current`, `key#data#<id>` | `key`, `wrapped` | with the first value, and when rotating |
//! | `key#methods` | `key`, `wrapped` | when it is first asked for |
//!
//! All have `made` (seconds since 1970), entries and pointers also `expires`, if that is asked for.
//!
//! *Why pointers?* A value has to be found by its fingerprint, and by its token. With a global secondary index on the
//! token the second way would be a `Query` a token, which cannot be batched, and which does not see what was written
//! just now: a token could be unknown, or a forgotten one still be there. Writing both items in a transaction costs
//! twice the capacity, and one value that another function writes at the same time fails all fifty of a call. Pointer
//! first, entry second, needs neither: both ways are consistent reads of 100 items a call, and writes are single
//! conditional insertions, 25 a call ([`BatchExecuteStatement`]). If a function ends in between, or loses the race for
//! the entry, there is a pointer whose token nobody has seen, and which leads to an entry of another token; it is
//! removed, or else resolves to nothing.
//!
//! | for *n* distinct values | calls | capacity units (up to 1 KiB an item) |
//! |---|---|---|
//! | seen within minutes by this process | 0 | 0 |
//! | known to the table | *n* / 100 | *n* read |
//! | new | *n* / 100 + 2 *n* / 25 | *n* read, 2 *n* write |
//! | resolved | 2 *n* / 100 | 2 *n* read |
//! | a process starts | 1, and 2 of KMS | 2 read |
//!
//! [`BatchExecuteStatement`]: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html
//!
//! # Keys
//!
//! Data keys come from KMS and are kept wrapped in the table. [`rotate`](TokenVault::rotate) makes a new one; the older
//! ones stay, and so do the values under them. Rotating the KMS key itself is left to KMS and needs nothing here.
//!
//! The index key does not rotate: under another one every value would be new, and get a second token that joins with
//! nothing. Should it leak, a dictionary can be tried against a copy of the table; nothing is unsealed by it.
//!
//! [`method_key`](TokenVault::method_key) is for what is hashed or encrypted and never enters the table; it does not
//! rotate either, for the same reason.
//!
//! Use one KMS key a vault. The wrapped keys are bound to their place in the table (encryption context
//! `cleanzone:vault-item`) but not to the table's name, so that a table restored under another name can be read.
//!
//! # Forgetting
//!
//! To forget removes the entry and its pointer. After that nobody can resolve the token, not even with all keys, from
//! *this* table. `DynamoDB`'s point-in-time recovery (up to 35 days) and its backups still have the items, sealed. So
//! an erasure is complete when those have run out; and whoever restores a table has to forget again what was forgotten
//! since, before the restored table is used. The same holds for exports and streams, which a vault should not have.

mod access;
mod cache;
#[cfg(feature = "aws")]
mod calls;
mod compact;
#[cfg(feature = "aws")]
mod dynamo;
mod engine;
mod error;
mod field;
mod index;
mod item;
mod keyring;
#[cfg(feature = "aws")]
mod kms;
mod memory;
mod normalise;
mod retry;
mod seal;
mod secret;
mod table;
mod token;
mod vault;

#[cfg(feature = "aws")]
pub use dynamo::DynamoVault;
pub use error::Error;
pub use field::Field;
pub use memory::{Call, MemoryVault, Trouble};
pub use normalise::normalise;
pub use secret::Secret;
pub use token::{Shape, Token, TokenText, is_token};
pub use vault::{MethodKey, Resolution, Resolved, TokenVault};

/// What every operation here returns.
pub type Result<T> = std::result::Result<T, Error>;
