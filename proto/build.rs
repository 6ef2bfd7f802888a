//! Compiles `throughline/v1/*.proto` with protox, so that no `protoc` has to be
//! installed, and writes the descriptor set that reflection serves.

use std::{env, fs, path::PathBuf};

use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = [
        "throughline/v1/resources.proto",
        "throughline/v1/conversation_service.proto",
        "throughline/v1/memory_service.proto",
        "throughline/v1/item_service.proto",
        "throughline/v1/context_service.proto",
        "throughline/v1/degradation_service.proto",
        "throughline/v1/server_service.proto",
        "throughline/v1/usage_service.proto",
    ];
    for file in files {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile(files, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("throughline.v1.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().bytes(".throughline.v1.Opaque").compile_fds(descriptors)?;
    Ok(())
}
