//! The wire: messages, clients and servers generated from
//! `throughline/v1/*.proto`, and the descriptor set for reflection.
//!
//! Nothing here is written by hand; the protocol's manual is the comments in
//! the `.proto` files.
#![allow(missing_docs, clippy::all, unreachable_pub)]

/// Package `throughline.v1`.
pub mod v1 {
    tonic::include_proto!("throughline.v1");

    /// Encoded `FileDescriptorSet` of the package and what it imports.
    pub const FILE_DESCRIPTOR_SET: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/throughline.v1.bin"));
}
