//! The REST view: the newest published snapshot over HTTP, read-only.
//!
//! [`Server::bind`] takes the socket, [`Server::run`] serves until it is told to end. It needs nothing but the
//! snapshots, so it runs on a thread and runtime of its own and answers while everything else hangs. It changes
//! nothing and asks nobody.
//!
//! `socket.rs`, `connection.rs` and `place.rs` are the shell: what a client may take up is bounded. `guard.rs` with `host.rs`
//! and `token.rs` is what every request must pass; `answer.rs` and `list.rs` are what every answer is made of.
//! Each path has a file: `status.rs`, `vms.rs`, `routes.rs`, `explain.rs`, `config.rs`, `migrations.rs`, `events.rs`,
//! `stream.rs`, `health.rs`, `metrics.rs`; `openapi.rs` has the document that is made of their annotations, `dashboard.rs`
//! the page on top of them.
//!
//! Errors are problem documents (RFC 9457), but for a head of a request that is no HTTP or too large: hyper
//! answers that by itself, with an empty 400, 414 or 431.

mod answer;
mod config;
mod connection;
mod dashboard;
mod events;
mod explain;
mod guard;
mod health;
mod host;
mod list;
mod metrics;
mod migrations;
mod openapi;
mod path;
mod place;
mod query;
mod routes;
mod socket;
mod stall;
mod status;
mod stream;
#[cfg(test)]
mod tests;
mod token;
mod vms;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::Uri;
use axum::middleware::from_fn_with_state;
use axum::{Extension, Router};
use tokio::sync::{oneshot, watch};
use utoipa_axum::router::OpenApiRouter;

use crate::config::{Http, Listen};
use crate::snapshot::Snapshot;
use connection::Limits;
use guard::Guard;
use host::Names;
use socket::Bound;
use stream::Streams;
pub use token::TokenFile;

/// Where the newest snapshot is found.
type Snapshots = watch::Receiver<Arc<Snapshot>>;

/// Why the REST view can't be served. `Display` names the setting and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The TCP socket can't be had.
    #[error("cannot listen on {address} (http.listen)")]
    Tcp {
        /// `http.listen`
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The unix socket can't be had.
    #[error("cannot listen on unix:{} (http.listen)", path.display())]
    Unix {
        /// `http.listen`
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A living server listens there.
    #[error("another server answers on unix:{}; stop it, or choose another http.listen", path.display())]
    Occupied {
        /// `http.listen`
        path: PathBuf,
    },
    /// Something else lies there, which is not ours to remove.
    #[error("{} is there and is no socket; remove it, or choose another http.listen", path.display())]
    NotASocket {
        /// `http.listen`
        path: PathBuf,
    },
    /// The socket of a dead server can't be removed.
    #[error("cannot remove the stale socket {}; remove it by hand, or choose another http.listen", path.display())]
    Stale {
        /// `http.listen`
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The token can't be read.
    #[error("cannot read the bearer token from {}; name a file in http.token_file that roamd may read", path.display())]
    TokenUnreadable {
        /// `http.token_file`
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no token in the file.
    #[error("the token file {} is empty; write a token into it, such as `openssl rand -hex 32` makes", path.display())]
    TokenEmpty {
        /// `http.token_file`
        path: PathBuf,
    },
    /// The token can't be sent in a header.
    #[error(
        "the token in {} must be one word of visible ASCII characters; write such a one into it, as \
         `openssl rand -hex 32` makes",
        path.display()
    )]
    TokenMalformed {
        /// `http.token_file`
        path: PathBuf,
    },
}

/// A server whose socket is bound: clients may connect already, and are served once it runs.
pub struct Server {
    bound: Bound,
    guard: Guard,
    limits: Limits,
}

impl Server {
    /// Binds the socket and reads the token, which `token` may be told to read again. `host` is this host's name, one
    /// that the `Host` header may have.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O.
    pub fn bind(config: &Http, host: &str, token: Arc<TokenFile>) -> Result<Self, BindError> {
        if let Some(path) = &config.token_file {
            token.open(path)?;
        }
        let names = match &config.listen {
            Listen::Tcp(_) => Some(Names::new(host, &config.hosts)),
            Listen::Unix(_) => None,
        };
        let bound = Bound::new(&config.listen)?;
        Ok(Self { bound, guard: Guard { names, token }, limits: Limits::default() })
    }

    /// The address with the port that the system has chosen for port 0; `None` for a unix socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.bound.local_addr()
    }

    /// Serves the newest of `snapshots` until `shutdown` is ready, and at most 2 s longer; a unix socket's file
    /// is gone then.
    ///
    /// Fails only at once, when the runtime can't take the socket.
    ///
    /// # Panics
    ///
    /// On a runtime whose I/O or time is not enabled.
    pub async fn run(
        self,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let listener = self.bound.listen()?;
        let (ending, ended) = oneshot::channel::<()>();
        // The sender is never used, only dropped.
        let (feed, following) = stream::follow(snapshots.clone(), async { drop(ended.await) });
        let shutdown = async {
            shutdown.await;
            drop(ending);
        };
        let streams = Streams::new(feed, self.limits.streams);
        let router = router(self.guard, snapshots).layer(Extension(streams));
        tokio::join!(connection::serve(listener, router, &self.limits, shutdown), following);
        Ok(())
    }
}

/// Every path, with its place in the OpenAPI document.
fn paths() -> OpenApiRouter<Snapshots> {
    openapi::routes()
        .merge(status::routes())
        .merge(vms::routes())
        .merge(routes::routes())
        .merge(migrations::routes())
        .merge(events::routes())
        .merge(stream::routes())
        .merge(explain::routes())
        .merge(config::routes())
        .merge(health::routes())
        .merge(metrics::routes())
}

/// Every path, behind the guard.
fn router(guard: Guard, snapshots: Snapshots) -> Router {
    Router::from(paths())
        .merge(dashboard::routes())
        .fallback(async |uri: Uri| answer::not_found("there is nothing at this path", &uri))
        .layer(from_fn_with_state(Arc::new(guard), guard::admit))
        .with_state(snapshots)
}

/// The newest snapshot; the channel is locked for as long as it takes to count one more reader.
fn latest(snapshots: &Snapshots) -> Arc<Snapshot> {
    Arc::clone(&snapshots.borrow())
}
