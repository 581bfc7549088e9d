//! Accepting connections and serving them, within limits.
//!
//! Nobody keeps others out: where all places are taken, the connection that has been without a request for longest makes
//! room for the next one. So clients that open connections and send nothing, or half a request, push each other out.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};
use tracing::{debug, info, warn};

use super::place::{self, Place, Places};
use super::socket::{Connection, Listener};
use super::stall::Stall;
use crate::chain::Chain;

/// What a client may take up.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// How many connections are served at a time. One more waits until another ends, or has no request under way.
    pub(super) connections: usize,
    /// How many of them may be event streams, which last as long as the client likes.
    pub(super) streams: usize,
    /// How long the head of a request may take, counted from the connection's beginning or the answer before:
    /// an idle connection is closed after as long.
    pub(super) header_read: Duration,
    /// The largest head of a request in bytes.
    pub(super) header_bytes: usize,
    /// How long a client may leave an answer unread.
    pub(super) stall: Duration,
    /// How long answers may go on after the end was asked for.
    pub(super) shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2_048,
            streams: 1_536,
            header_read: Duration::from_secs(5),
            header_bytes: 16 * 1024,
            stall: Duration::from_secs(30),
            shutdown: Duration::from_secs(2),
        }
    }
}

/// How much hyper may hold of an answer that the client does not take, apart from the last piece: about one page
/// of a list, in place of hyper's own 400 KiB.
const UNSENT_BYTES: usize = 64 * 1024;

/// First and longest pause after an accept that failed for want of resources.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How often it is looked whether the socket is still there.
const LOOK: Duration = Duration::from_secs(1);

/// How long no accept may fail until the trouble is over: while descriptors are short, single ones succeed.
const CALM: Duration = Duration::from_secs(10);

/// Accepts fail.
struct Trouble {
    last: Instant,
    pause: Duration,
}

/// Serves until `shutdown`, then lets answers that are under way end.
pub(super) async fn serve(
    mut listener: Listener,
    router: Router,
    limits: &Limits,
    shutdown: impl Future<Output = ()>,
) {
    let mut connections = JoinSet::new();
    let (ending, ended) = watch::channel(());
    tokio::select! {
        // Given up while it waits; what it has accepted is already in `connections`.
        never = accept_all(&mut listener, &router, limits, &mut connections, &ended) => match never {},
        () = shutdown => {}
    }
    drop((listener, ending, ended));
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.shutdown, all).await.is_err() {
        debug!(connections = connections.len(), "HTTP connections were cut off");
    }
}

async fn accept_all(
    listener: &mut Listener,
    router: &Router,
    limits: &Limits,
    connections: &mut JoinSet<()>,
    ended: &watch::Receiver<()>,
) -> Infallible {
    let permits = Arc::new(Semaphore::new(limits.connections));
    let places = Arc::new(Places::default());
    let mut trouble: Option<Trouble> = None;
    let mut look = interval(LOOK);
    let mut unmended = false;
    loop {
        let accepted = tokio::select! {
            // All sides are cancel-safe: an accept that waits has taken nothing, a tick stays, and a task that was joined is
            // forgotten on purpose.
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = look.tick() => {
                unmended = !is_put_back(listener, unmended);
                continue;
            }
        };
        match accepted {
            Ok(stream) => {
                if trouble.take_if(|trouble| trouble.last.elapsed() >= CALM).is_some() {
                    info!("HTTP connections are accepted again");
                }
                if let Some(trouble) = &mut trouble {
                    trouble.pause = PAUSES.0;
                }
                let place = Place::new(&places, room(&permits, &places).await);
                connections.spawn(connection(stream, router.clone(), limits.clone(), ended.clone(), place));
            }
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                if trouble.is_none() {
                    warn!(%error, "HTTP connections can't be accepted");
                }
                // It may be its descriptor that is wanting.
                places.longest_leaves();
                let pause = trouble.map_or(PAUSES.0, |trouble| PAUSES.1.min(trouble.pause * 2));
                sleep(pause).await;
                trouble = Some(Trouble { last: Instant::now(), pause });
            }
        }
    }
}

/// Puts a unix socket back where somebody has removed it; whether it is there. A repeated failure is logged once.
fn is_put_back(listener: &mut Listener, told: bool) -> bool {
    match listener.put_back() {
        Ok(false) => true,
        Ok(true) => {
            warn!("somebody had removed HTTP's socket; it is there again");
            true
        }
        Err(error) => {
            if !told {
                warn!(error = %Chain(&error), "HTTP's socket is gone and can't be put back");
            }
            false
        }
    }
}

/// Waits for a place, which somebody leaves if need be.
async fn room(permits: &Arc<Semaphore>, places: &Places) -> Option<OwnedSemaphorePermit> {
    let mut permit = std::pin::pin!(Arc::clone(permits).acquire_owned());
    // Cancel-safe: the permit's wait goes on, and somebody who was told to leave does so.
    tokio::select! {
        biased;
        permit = permit.as_mut() => return permit.ok(),
        () = places.one_leaves() => {}
    }
    permit.await.ok()
}

/// Whether only the connection that was to be accepted has failed (accept(2), "Error handling").
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, NotConnected};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | NotConnected
    )
}

async fn connection(
    stream: Box<dyn Connection>,
    router: Router,
    limits: Limits,
    mut ended: watch::Receiver<()>,
    place: Arc<Place>,
) {
    let service =
        TowerToHyperService::new(router.layer(from_fn_with_state(Arc::clone(&place), place::occupy)));
    let stream = TokioIo::new(Stall::new(stream, limits.stall));
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_read)
            .max_header_size(limits.header_bytes)
            .max_buf_size(UNSENT_BYTES)
            // A client that closes its sending side after the request still gets its answer.
            .half_close(true)
            .serve_connection(stream, service)
    );
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = place.must_leave() => {
            debug!("an HTTP connection without a request made room for another one");
            return;
        }
        // The sender is never used, only dropped.
        _ = ended.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        debug!(%error, "HTTP connection failed");
    }
}
