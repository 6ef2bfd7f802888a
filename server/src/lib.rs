//! The service around the memory: what its binary and its tests share.

pub mod models;
