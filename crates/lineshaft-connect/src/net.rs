//! The network as an argument: names, connections out, connections in. A simulated network replaces it in tests.
//!
//! Which address may be used is decided by [`crate::guard`], not here.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::contract::BoxFuture;

/// A connection: bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection behind `dyn`.
pub type BoxStream = Box<dyn Stream>;

/// A place at which connections come in. Closed when dropped.
pub trait Inlet: Send + Sync {
    /// The next connection and who is at its other end. Cancel-safe.
    fn accept(&self) -> BoxFuture<'_, io::Result<(BoxStream, SocketAddr)>>;
    /// Where it listens, with the port that the system chose.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// The network.
pub trait Net: Send + Sync {
    /// Every address that a name stands for.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
    /// A connection to an address.
    fn connect(&self, addr: SocketAddr) -> BoxFuture<'_, io::Result<BoxStream>>;
    /// Starts to listen.
    fn listen(&self, addr: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Inlet>>>;
}

/// The operating system's network.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNet;

impl Net for SystemNet {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }

    fn connect(&self, addr: SocketAddr) -> BoxFuture<'_, io::Result<BoxStream>> {
        Box::pin(async move { without_delay(TcpStream::connect(addr).await?) })
    }

    fn listen(&self, addr: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Inlet>>> {
        Box::pin(async move { Ok(Box::new(SystemInlet(TcpListener::bind(addr).await?)) as Box<dyn Inlet>) })
    }
}

struct SystemInlet(TcpListener);

impl Inlet for SystemInlet {
    fn accept(&self) -> BoxFuture<'_, io::Result<(BoxStream, SocketAddr)>> {
        Box::pin(async move {
            let (stream, peer) = self.0.accept().await?;
            Ok((without_delay(stream)?, peer))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Small documents must not wait for Nagle's algorithm.
fn without_delay(stream: TcpStream) -> io::Result<BoxStream> {
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}
