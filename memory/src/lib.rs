//! The domain of Throughline, as a library that another program could embed.
//!
//! Data flows one way: [`engine`] takes turns in and commits them to the
//! [`store`]; [`enrich`] derives from the outbox what searching needs
//! ([`embed`], [`index`]); a context window is [`retrieval`], then a model of
//! [`rerank`] where one is configured, and [`context`] assembly. No gRPC, no HTTP
//! and no CLI here: the caller passes clock, ids and configuration in.

pub mod background;
pub mod context;
pub mod degradation;
pub mod embed;
pub mod engine;
pub mod enrich;
pub mod facts;
pub mod index;
pub mod items;
mod onnx;
mod quantised;
pub mod rerank;
pub mod retrieval;
pub mod staleness;
pub mod store;
pub mod summary;
pub mod turn;
pub mod usage;
