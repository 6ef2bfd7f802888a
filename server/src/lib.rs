//! The server of Throughline: configuration, API keys, gRPC services, command
//! line. Everything that knows the wire lives here; what is remembered and how
//! is found again is `throughline_memory`.
//!
//! A request passes [`grpc`]'s gate (key, scope, deadline, load), is checked
//! and turned into domain values by [`wire`], answered by the engine, and its
//! errors become one gRPC status each in [`grpc::status`]. [`serve`] opens the
//! parts in order and closes them again; only `serve::wiring` knows which parts
//! there are. [`proxy`] answers programs that speak to a model by themselves.

pub mod auth;
pub mod cli;
pub mod config;
pub mod demo;
pub mod grpc;
pub mod http;
pub mod models;
pub mod page_token;
pub mod proxy;
pub mod serve;
pub mod telemetry;
pub mod usage;
pub mod wire;

pub use throughline_proto::v1 as pb;
