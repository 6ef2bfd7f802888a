//! Sockets, with errors that say what to do.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

use super::ServeError;

/// Listens on all addresses, or on none.
///
/// # Errors
/// [`ServeError::Listen`] for the first that cannot be had.
pub async fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, ServeError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let listener = TcpListener::bind(address).await.map_err(|cause| ServeError::Listen {
            address: *address,
            mend: mend(&cause),
            cause,
        })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn mend(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::AddrInUse => {
            "stop the program that has the port, or choose another with --listen (port 0 takes a \
             free one)"
        }
        io::ErrorKind::PermissionDenied => "choose a port above 1023 with --listen",
        _ => "choose an address of this machine with --listen",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named_with_the_mend() {
        let first = bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
        let taken = first[0].local_addr().unwrap();
        let error = bind(&[taken]).await.unwrap_err().to_string();
        assert!(error.contains(&taken.to_string()) && error.contains("--listen"), "{error}");
    }
}
