//! The bytes' way to Redis: TCP, TLS or a Unix socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use redis::ConnectionAddr;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Shorter than the idle timeout of any gateway that one would put between servers.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Any byte stream.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A way, whichever it is.
pub type Wire = Pin<Box<dyn Stream>>;

/// Connects.
pub async fn connect(addr: &ConnectionAddr) -> io::Result<Wire> {
    Ok(match addr {
        ConnectionAddr::Tcp(host, port) => Box::pin(tcp(host, *port).await?),
        ConnectionAddr::TcpTls { host, port, insecure: false, .. } => {
            let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
            Box::pin(tls().await?.connect(name, tcp(host, *port).await?).await?)
        }
        ConnectionAddr::Unix(path) => Box::pin(UnixStream::connect(path).await?),
        _ => return Err(io::Error::other("TLS without verification is not supported")),
    })
}

async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    // A gateway on the way may forget an idle connection without telling anybody.
    SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    Ok(stream)
}

/// TLS that trusts what the system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured).
async fn tls() -> io::Result<TlsConnector> {
    // Hundreds of files, perhaps.
    let found = spawn_blocking(rustls_native_certs::load_native_certs).await?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(io::Error::other("the system has no certificate store (SSL_CERT_FILE)"));
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
