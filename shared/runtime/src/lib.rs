//! The edge that every function shares; only this crate and the functions themselves know about Lambda.
//!
//! [`run`] is a function's `main`: it sets up the logs, builds the [`Handler`] once, and hands it every
//! [`Invocation`]. What a handler needs to be built comes from [`settings`] and [`aws`]; whom it tells of a file that
//! cannot be processed is a [`Notifier`](notify::Notifier). A function that deals with each object by itself is an
//! [`ObjectHandler`]; [`PerObject`] does all the rest around it.
//!
//! ```no_run
//! use cleanzone_events::{Failure, Reply, decode, reply};
//! use cleanzone_runtime::{Handler, Invocation, logs, run, settings::Env};
//! use serde_json::json;
//!
//! struct Greeter {
//!     greeting: String,
//! }
//!
//! impl Handler for Greeter {
//!     async fn handle(&self, invocation: Invocation) -> Reply {
//!         let delivery = decode(&invocation.payload).map_err(Failure::from).inspect_err(logs::failure)?;
//!         let greet = |key: &str| json!({"greeting": format!("{} {key}", self.greeting)});
//!         let outcomes = delivery.records.iter().map(|record| match record.object() {
//!             Ok(object) => Ok(greet(&object.key)),
//!             Err(known) => known,
//!         });
//!         reply(&delivery, outcomes.collect())
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), cleanzone_runtime::Error> {
//!     run(async || {
//!         let env = Env::process();
//!         Ok(Greeter { greeting: env.required("GREETING", "how to begin")? })
//!     })
//!     .await
//! }
//! ```

pub mod aws;
mod deadline;
pub mod faults;
pub mod logs;
pub mod metrics;
pub mod notify;
mod objects;
mod panics;
mod run;
pub mod settings;
mod warning;

pub use lambda_runtime::Error;
pub use objects::{Done, ObjectHandler, PerObject};
pub use panics::catch_panic;
pub use run::{Handler, Invocation, run};
pub use warning::WarningNotice;
