//! For tests only: a model hub on loopback that does what it is told, and a
//! registry of tiny files.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use sha2::{Digest, Sha256};

use super::registry::Registry;

/// What the hub was asked: path and `Range` header.
pub(super) type Seen = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// An answer: status line, extra headers, announced length, bytes really sent.
pub(super) struct Answer {
    pub(super) status: &'static str,
    pub(super) headers: String,
    pub(super) length: usize,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn ok(body: &[u8]) -> Self {
        Self { status: "200 OK", headers: String::new(), length: body.len(), body: body.to_vec() }
    }

    pub(super) fn status(status: &'static str) -> Self {
        Self { status, ..Self::ok(b"") }
    }
}

/// Starts a hub; `answer` gets the number of the request, its path and its
/// range's beginning. Gives the endpoint and what was asked.
pub(super) fn hub(
    answer: impl Fn(usize, &str, Option<usize>) -> Answer + Send + 'static,
) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let seen = Seen::default();
    let asked = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = serve(stream, &asked, &answer);
        }
    });
    (endpoint, seen)
}

fn serve(
    mut stream: TcpStream,
    seen: &Seen,
    answer: &impl Fn(usize, &str, Option<usize>) -> Answer,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut range = None;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("range")
        {
            range = Some(value.trim().to_owned());
        }
    }
    let begin = range
        .as_deref()
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let number = {
        let mut seen = seen.lock().expect("no panic");
        seen.push((path.clone(), range));
        seen.len() - 1
    };
    let Answer { status, headers, length, body } = answer(number, &path, begin);
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
    )?;
    stream.write_all(&body)?;
    stream.flush()
}

/// A zip archive of these files.
pub(super) fn zip(path: &std::path::Path, entries: &[(&str, &[u8])]) {
    let mut writer = zip::ZipWriter::new(std::fs::File::create(path).expect("a file"));
    for (name, bytes) in entries {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).expect("an entry");
        writer.write_all(bytes).expect("written");
    }
    writer.finish().expect("a zip");
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The content of the tiny model's files, by path.
pub(super) fn content(path: &str) -> &'static [u8] {
    match path.rsplit('/').next() {
        Some("model.safetensors") => b"weights weights weights",
        Some("tokenizer.json") => b"tokenizer",
        _ => b"config",
    }
}

/// A model `tiny`; its `config.json` has no published hash. `package` is TOML.
pub(super) fn registry(package: &str) -> Registry {
    Registry::parse(&registry_text(package)).expect("a registry")
}

/// The same as TOML.
pub(super) fn registry_text(package: &str) -> String {
    format!(
        r#"
default_embedding = "tiny"
[runtime]
package = "onnxruntime"
version = "1.24.4"
export = []
[[model]]
name = "tiny"
purpose = "embedding"
licence = "MIT"
languages = "none"
dimensions = 8
max_tokens = 16
pooling = "cls"
[model.hub]
repository = "owner/tiny"
revision = "abc"
{package}
[[model.file]]
role = "weights"
path = "model.safetensors"
bytes = 23
sha256 = "{}"
[[model.file]]
role = "tokenizer"
path = "tokenizer.json"
sha256 = "{}"
[[model.file]]
role = "config"
path = "config.json"
"#,
        sha256(content("model.safetensors")),
        sha256(content("tokenizer.json")),
    )
}
