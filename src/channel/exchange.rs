//! One HTTP request over a connection that is made for it, and what is read of the answer.
//!
//! **Invariant:** the head of an answer is bounded here; its body by whoever reads it, as is the time.

use hyper::Request;
use hyper::Response;
use hyper::body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::error::Error;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;

/// Largest head of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1_024;

/// Names us to those we ask.
pub(crate) const USER_AGENT: &str = concat!("Deskgate/", env!("CARGO_PKG_VERSION"));

/// Sends `request` and hands the answer to `read`.
///
/// # Errors
/// What stood in the way, in words, or what `read` says.
pub(crate) async fn exchange<S, B, T>(
    stream: S,
    request: Request<B>,
    read: impl AsyncFnOnce(Response<Incoming>) -> Result<T, String>,
) -> Result<T, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let opened = http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = opened.map_err(|error| error.to_string())?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        read(response).await
    };
    let mut exchange = std::pin::pin!(exchange);
    // The connection is driven for as long as the exchange takes, and dropped with it. One that ends first may have
    // brought the whole answer.
    tokio::select! {
        done = &mut exchange => done,
        _ = connection => exchange.await,
    }
}
