//! From a configuration to a server that answers, and back to a closed store.
//!
//! Order: keys → sockets → health (not serving) → data directory → store →
//! models → embedder → reranker → index → engine → serving. Sockets come early so that a
//! taken port is told before a model is fetched, and so that health can say
//! "not yet". On SIGTERM or SIGINT: health (not serving) → open calls → engine
//! → store.

mod entailment;
mod error;
mod http;
mod listen;
mod llm;
mod metered;
mod model;
mod proxy;
mod rerank;
mod server;
mod signals;
mod transport;
mod wiring;
mod writers;

use std::io::{self, Write as _};

use indicatif::{ProgressBar, ProgressStyle};

pub use error::ServeError;
pub use listen::{HTTP_LISTEN, LISTEN, PROXY, bind};
pub use server::Server;

use crate::config::Config;

/// Serves until a signal ends it.
///
/// # Errors
/// [`ServeError`] if a part does not open; it names the mend.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    let auth = config.auth()?;
    let mut ends = signals::listen()?;
    let listeners = bind(&config.listen, listen::LISTEN).await?;
    let http = bind(config.http_listen.as_slice(), listen::HTTP_LISTEN).await?;
    let chats: Vec<_> = config.proxy.iter().map(|proxy| proxy.listen).collect();
    let chats = bind(&chats, listen::PROXY).await?;
    let mut server = Server::listen(listeners, auth, &config.wire).await?;
    server.answer_http(http);
    if let Some(proxy) = &config.proxy {
        server.take_chats(chats, config.auth()?, proxy, config.wire.max_in_flight)?;
    }
    let opened = tokio::select! {
        opened = wiring::open(&config) => opened,
        signal = ends.next() => {
            tracing::info!(signal, "ended while starting");
            server.stop(config.wire.drain).await;
            return Ok(());
        }
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) => {
            server.stop(config.wire.drain).await;
            return Err(error);
        }
    };
    tracing::info!(
        store = opened.engine.store_kind(),
        index = opened.engine.index_kind(),
        model = opened.about.embedding.name,
        backlog = opened.engine.outbox_backlog(),
        "ready"
    );
    server.open(opened).await;
    announce(&server)?;
    let signal = ends.next().await;
    tracing::info!(signal, "draining");
    tokio::select! {
        () = server.stop(config.wire.drain) => tracing::info!("closed"),
        signal = ends.next() => tracing::warn!(signal, "second signal: not waiting any longer"),
    }
    Ok(())
}

/// The one line on stdout: whoever started the server waits for it.
fn announce(server: &Server) -> Result<(), ServeError> {
    let addresses: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {}", addresses.join(","))
        .and_then(|()| out.flush())
        .map_err(|cause| ServeError::Stdout { cause })
}

/// Derives everything again from turns and items, without serving.
///
/// # Errors
/// [`ServeError`].
pub async fn rebuild(config: Config) -> Result<(), ServeError> {
    let opened = wiring::open(&config).await?;
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} turns and namespaces, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let shown = bar.clone();
    let progress = move |done, total| {
        shown.set_length(total);
        shown.set_position(done);
    };
    let rebuilt = opened.engine.rebuild(&progress).await;
    bar.finish_and_clear();
    opened.engine.close().await;
    let rebuilt = rebuilt?;
    writeln!(io::stdout(), "rebuilt {rebuilt} turns and namespaces of items")
        .map_err(|cause| ServeError::Stdout { cause })
}
