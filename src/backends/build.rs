//! Makes the messages and the client of `proto/pubsub_api.proto`, without a `protoc`.

use std::{error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo::rerun-if-changed={}", proto.join("pubsub_api.proto").display());
    let files = protox::compile(["pubsub_api.proto"], [&proto])?;
    tonic_prost_build::configure().build_server(false).compile_fds(files)?;
    Ok(())
}
