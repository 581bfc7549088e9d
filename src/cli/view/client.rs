//! A client of the REST view, over TCP or a unix socket: one connection a question.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{ACCEPT, AUTHORIZATION, HOST};
use axum::http::{HeaderValue, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::Agent;

/// How long an answer may take, with all of a large fleet in it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest answer that is taken.
const MAX_ANSWER: usize = 1 << 30;

/// What is wrong with the question or its answer. `Display` says what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error(
        "{0:?} is no URL of the agent: write http://ADDRESS:PORT; for TLS go through a proxy on this machine"
    )]
    Url(String),
    #[error("cannot read the token from {}", path.display())]
    Token { path: PathBuf, source: io::Error },
    #[error("the token in {} must be one word of visible ASCII characters", _0.display())]
    TokenMalformed(PathBuf),
    #[error("cannot reach the agent at {place} (is it running there?)")]
    Unreachable { place: String, source: io::Error },
    #[error("the agent at {0} does not answer")]
    Slow(String),
    #[error("the exchange with the agent at {place} failed")]
    Http { place: String, source: hyper::Error },
    #[error("the answer of the agent at {place} could not be read")]
    Body { place: String, source: axum::Error },
    #[error("the agent at {0} asks for its token: see --token-file")]
    Unauthorized(String),
    #[error("{0}")]
    Refused(String),
    #[error("this is not what an agent of this version answers")]
    Answer(#[from] serde_json::Error),
    #[error("the terminal")]
    Terminal(#[source] io::Error),
}

enum Place {
    Tcp(String),
    Unix(PathBuf),
}

/// Asks one agent.
pub(super) struct Client {
    place: Place,
    /// How it is called in words.
    called: String,
    host: HeaderValue,
    /// What stands before every path.
    prefix: String,
    authorization: Option<HeaderValue>,
}

/// A problem document, as far as it is shown.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Client {
    pub(super) fn new(agent: &Agent) -> Result<Self, ClientError> {
        let authorization = match &agent.token_file {
            None => None,
            Some(path) => {
                let token = fs::read_to_string(path)
                    .map_err(|source| ClientError::Token { path: path.clone(), source })?;
                let header = HeaderValue::try_from(format!("Bearer {}", token.trim()));
                let malformed = || ClientError::TokenMalformed(path.clone());
                Some(header.map_err(|_| malformed()).and_then(|mut header| {
                    header.set_sensitive(true);
                    if token.trim().is_empty() { Err(malformed()) } else { Ok(header) }
                })?)
            }
        };
        if let Some(path) = &agent.unix {
            let called = format!("unix:{}", path.display());
            let host = HeaderValue::from_static("localhost");
            return Ok(Self {
                place: Place::Unix(path.clone()),
                called,
                host,
                prefix: String::new(),
                authorization,
            });
        }
        let url = agent.url.as_str();
        let wrong = || ClientError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(wrong)?;
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        let address = if authority.port().is_some() { host.to_owned() } else { format!("{host}:80") };
        Ok(Self {
            place: Place::Tcp(address),
            called: url.to_owned(),
            host: HeaderValue::from_str(host).map_err(|_| wrong())?,
            prefix: uri.path().trim_end_matches('/').to_owned(),
            authorization,
        })
    }

    /// The body of a 200; any other answer is an error in words.
    pub(super) async fn get(&self, path: &str) -> Result<String, ClientError> {
        let slow = |_| ClientError::Slow(self.called.clone());
        let answer = async {
            let (status, body) = self.send(path, "application/json").await?.into_parts();
            let body = to_bytes(Body::new(body), MAX_ANSWER).await;
            let body = body.map_err(|source| ClientError::Body { place: self.called.clone(), source })?;
            self.understood(status.status, &body)
        };
        timeout(PATIENCE, answer).await.map_err(slow)?
    }

    /// The event stream; `None` where this agent has none, or it can't be had now.
    pub(super) async fn events(&self) -> Option<Body> {
        let answer = timeout(PATIENCE, self.send("/api/v1/events/stream", "text/event-stream")).await;
        let answer = answer.ok()?.ok()?;
        (answer.status() == StatusCode::OK).then(|| Body::new(answer.into_body()))
    }

    fn understood(&self, status: StatusCode, body: &Bytes) -> Result<String, ClientError> {
        let text = String::from_utf8_lossy(body);
        match status {
            StatusCode::OK => Ok(text.into_owned()),
            StatusCode::UNAUTHORIZED => Err(ClientError::Unauthorized(self.called.clone())),
            refused => Err(ClientError::Refused(match serde_json::from_str::<Problem>(&text) {
                Ok(problem) => problem.detail,
                Err(_) => format!("{} answers {refused}", self.called),
            })),
        }
    }

    async fn send(&self, path: &str, accept: &'static str) -> Result<Response<Incoming>, ClientError> {
        let unreachable = |source| ClientError::Unreachable { place: self.called.clone(), source };
        match &self.place {
            Place::Tcp(address) => {
                let stream = TcpStream::connect(address).await.map_err(unreachable)?;
                self.exchange(stream, path, accept).await
            }
            Place::Unix(socket) => {
                let stream = UnixStream::connect(socket).await.map_err(unreachable)?;
                self.exchange(stream, path, accept).await
            }
        }
    }

    async fn exchange<S>(
        &self,
        stream: S,
        path: &str,
        accept: &'static str,
    ) -> Result<Response<Incoming>, ClientError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let failed = |source| ClientError::Http { place: self.called.clone(), source };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        // What becomes of the connection shows in the answer.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .uri(format!("{}{path}", self.prefix))
            .header(HOST, &self.host)
            .header(ACCEPT, accept);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request =
            request.body(Body::empty()).map_err(|_| ClientError::Url(format!("{}{path}", self.prefix)))?;
        sender.send_request(request).await.map_err(failed)
    }
}

/// An answer as what it is.
pub(super) fn read<T: DeserializeOwned>(answer: &str) -> Result<T, ClientError> {
    Ok(serde_json::from_str(answer)?)
}
