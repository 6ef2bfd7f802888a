//! What a print of the connection shows.

use super::*;

#[tokio::test]
async fn no_print_shows_the_key() {
    let settings = Settings {
        address: "memory:7420".to_owned(),
        api_key: "secret-key".to_owned(),
        ..Settings::default()
    };
    let shown = format!("{settings:?} {settings:#?}");
    assert!(shown.contains("memory:7420"), "{shown}");
    assert!(!shown.contains("secret-key"), "{shown}");
    let client = Client::new(settings).expect("the address can be read");
    let shown = format!("{client:?} {client:#?}");
    assert!(!shown.contains("secret-key"), "{shown}");
}
