//! Sockets, with errors that say what to do.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

use super::ServeError;

/// Flag of the addresses for gRPC.
pub const LISTEN: &str = "--listen";
/// Flag of the address for metrics.
pub const HTTP_LISTEN: &str = "--http-listen";
/// Flag of the address for chats.
pub const PROXY: &str = "--proxy";

/// Listens on all addresses, or on none. `flag` is what they were given by.
///
/// # Errors
/// [`ServeError::Listen`] for the first that cannot be had.
pub async fn bind(
    addresses: &[SocketAddr],
    flag: &'static str,
) -> Result<Vec<TcpListener>, ServeError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let listener = TcpListener::bind(address).await.map_err(|cause| ServeError::Listen {
            address: *address,
            mend: mend(&cause, flag),
            cause,
        })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn mend(cause: &io::Error, flag: &str) -> String {
    match cause.kind() {
        io::ErrorKind::AddrInUse => format!(
            "stop the program that has the port, or choose another with {flag} (port 0 takes a \
             free one)"
        ),
        io::ErrorKind::PermissionDenied => format!("choose a port above 1023 with {flag}"),
        _ => format!("choose an address of this machine with {flag}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named_with_the_mend() {
        let first = bind(&["127.0.0.1:0".parse().unwrap()], LISTEN).await.unwrap();
        let taken = first[0].local_addr().unwrap();
        for flag in [LISTEN, HTTP_LISTEN, PROXY] {
            let error = bind(&[taken], flag).await.unwrap_err().to_string();
            let mend = format!("or choose another with {flag} (port 0");
            assert!(error.contains(&taken.to_string()) && error.contains(&mend), "{error}");
        }
    }
}
