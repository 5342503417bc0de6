//! A client of the API: one request over one connection.

use crate::cli::demo::answer::shown;
use anyhow::Context;
use anyhow::Result;
use anyhow::ensure;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::Method;
use hyper::Request;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Largest answer taken, in bytes.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Calls one listener, with a token where there is one.
#[derive(Clone, Debug)]
pub(super) struct Http {
    address: SocketAddr,
    token: Option<String>,
}

impl Http {
    pub(super) fn new(address: SocketAddr, token: Option<&str>) -> Self {
        Self { address, token: token.map(ToOwned::to_owned) }
    }

    /// Reads an object.
    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.json(Method::GET, path, None).await
    }

    /// Makes something.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.json(Method::POST, path, Some(body)).await
    }

    /// Changes something.
    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.json(Method::PUT, path, Some(body)).await
    }

    /// Reads what is no JSON.
    pub(super) async fn bytes(&self, path: &str) -> Result<Vec<u8>> {
        let (status, body) = self.call(Method::GET, path, None).await?;
        ensure!(status.is_success(), "GET {path} answered {status}");
        Ok(body.to_vec())
    }

    async fn json(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let what = format!("{method} {path}");
        let (status, bytes) = self.call(method, path, body).await?;
        let answer: Value = serde_json::from_slice(&bytes).with_context(|| format!("{what} answered no JSON"))?;
        ensure!(status.is_success(), "{what} answered {status}: {}", shown(&answer));
        Ok(answer)
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Bytes)> {
        let what = format!("{method} {path}");
        let answer = timeout(ANSWER_WITHIN, self.exchange(method, path, body)).await;
        answer.with_context(|| format!("{what}: no answer within {ANSWER_WITHIN:?}"))?.context(what)
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Bytes)> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let driving = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(header::CONNECTION, "close");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let answer = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
        let status = answer.status();
        let read = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let bytes = read.map_err(|error| anyhow::anyhow!("the answer's body: {error}"))?.to_bytes();
        // The connection ends with the answer; how it ends says nothing more.
        drop(driving.await);
        Ok((status, bytes))
    }
}
