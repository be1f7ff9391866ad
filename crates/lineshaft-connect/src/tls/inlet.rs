//! A listener behind TLS. The greeting is part of the stream and not of the accepting: it happens when the connection's
//! own task first reads, under the time limit that the task has for the head of a request.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::Identity;
use crate::contract::BoxFuture;
use crate::net::{BoxStream, Inlet};

/// A listener whose connections are greeted with TLS.
pub struct TlsInlet {
    plain: Box<dyn Inlet>,
    identity: Arc<Identity>,
}

impl TlsInlet {
    /// `plain` behind TLS.
    pub fn new(plain: Box<dyn Inlet>, identity: Arc<Identity>) -> Self {
        Self { plain, identity }
    }
}

impl Inlet for TlsInlet {
    fn accept(&self) -> BoxFuture<'_, io::Result<(BoxStream, SocketAddr)>> {
        Box::pin(async move {
            let (stream, peer) = self.plain.accept().await?;
            let greeting = TlsAcceptor::from(self.identity.current()).accept(stream);
            Ok((Box::new(Greeted::Greeting(Box::new(greeting))) as BoxStream, peer))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.plain.local_addr()
    }
}

/// A connection that is greeted when it is first used.
enum Greeted {
    /// Boxed: it is large, and a connection is long in another state.
    Greeting(Box<Accept<BoxStream>>),
    Open(Box<TlsStream<BoxStream>>),
    Failed,
}

impl Greeted {
    fn poll_open(&mut self, context: &mut Context<'_>) -> Poll<io::Result<&mut TlsStream<BoxStream>>> {
        if let Self::Greeting(greeting) = self {
            match ready!(Pin::new(greeting.as_mut()).poll(context)) {
                Ok(stream) => *self = Self::Open(Box::new(stream)),
                Err(error) => {
                    *self = Self::Failed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        match self {
            Self::Open(stream) => Poll::Ready(Ok(stream)),
            Self::Greeting(_) | Self::Failed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncRead for Greeted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = ready!(self.poll_open(context))?;
        Pin::new(stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Greeted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stream = ready!(self.poll_open(context))?;
        Pin::new(stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Open(stream) => Pin::new(stream).poll_flush(context),
            // Nothing was written yet.
            Self::Greeting(_) | Self::Failed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Open(stream) => Pin::new(stream).poll_shutdown(context),
            // Dropped, it closes.
            Self::Greeting(_) | Self::Failed => Poll::Ready(Ok(())),
        }
    }
}
