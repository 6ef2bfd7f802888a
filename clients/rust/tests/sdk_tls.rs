//! Addresses that begin with `https` are spoken to in TLS.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends at the first surprise")]

use std::time::Duration;

use throughline_client::{Client, Settings, v1};
use tokio::{io::AsyncReadExt as _, net::TcpListener};

/// The first bytes that a client sends to an address of this scheme.
async fn greeting(scheme: &str) -> [u8; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("{scheme}://{}", listener.local_addr().unwrap());
    let settings = Settings { address, timeout: Duration::from_secs(20), ..Settings::default() };
    let client = Client::new(settings).unwrap();
    let asked = tokio::spawn(async move {
        // Nobody answers.
        let _ = client.get_server_info(v1::GetServerInfoRequest {}).await;
    });
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut first = [0; 2];
    connection.read_exact(&mut first).await.unwrap();
    asked.abort();
    first
}

#[tokio::test]
async fn https_begins_with_a_handshake_of_tls() {
    assert_eq!(greeting("https").await, [0x16, 0x03]);
    assert_eq!(&greeting("http").await, b"PR");
}
