//! Who makes room for others: connections without a request under way, the longest first.
//!
//! The lock is held for a step in a map, and by connections alone.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::Response;
use axum::middleware::Next;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{Notify, OwnedSemaphorePermit};

/// The places of one server.
#[derive(Default)]
pub(super) struct Places {
    idle: Mutex<Idle>,
    /// A connection has become idle.
    one_more: Notify,
}

/// Connections without a request under way, by the number that they got when they became so.
#[derive(Default)]
struct Idle {
    last: u64,
    leave: BTreeMap<u64, Arc<Notify>>,
}

impl Places {
    fn idle(&self) -> MutexGuard<'_, Idle> {
        // Nothing is ever half done under this lock.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the connection that has been idle for longest to leave; whether there was one.
    pub(super) fn longest_leaves(&self) -> bool {
        let longest = self.idle().leave.pop_first();
        longest.map(|(_, leave)| leave.notify_one()).is_some()
    }

    /// The same once there is one.
    pub(super) async fn one_leaves(&self) {
        loop {
            let one_more = self.one_more.notified();
            if self.longest_leaves() {
                return;
            }
            one_more.await;
        }
    }
}

/// The place of one connection, held until its end.
pub(super) struct Place {
    places: Arc<Places>,
    /// Its number among the idle ones.
    idle: Mutex<Option<u64>>,
    leave: Arc<Notify>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// A connection whose first request is waited for.
    pub(super) fn new(places: &Arc<Places>, permit: Option<OwnedSemaphorePermit>) -> Arc<Self> {
        let (places, leave) = (Arc::clone(places), Arc::default());
        let place = Self { places, idle: Mutex::default(), leave, _permit: permit };
        place.becomes_idle();
        Arc::new(place)
    }

    /// Waits until others need the room.
    pub(super) async fn must_leave(&self) {
        self.leave.notified().await;
    }

    fn becomes_idle(&self) {
        let mut idle = self.places.idle();
        idle.last += 1;
        let number = idle.last;
        idle.leave.insert(number, Arc::clone(&self.leave));
        drop(idle);
        *self.number() = Some(number);
        self.places.one_more.notify_waiters();
    }

    fn is_idle_no_more(&self) {
        if let Some(number) = self.number().take() {
            self.places.idle().leave.remove(&number);
        }
    }

    fn number(&self) -> MutexGuard<'_, Option<u64>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.is_idle_no_more();
    }
}

/// The middleware around everything else: a request is under way until its answer is written, or given up.
pub(super) async fn occupy(State(place): State<Arc<Place>>, request: Request, next: Next) -> Response<Body> {
    place.is_idle_no_more();
    let under_way = UnderWay(place);
    next.run(request).await.map(|body| Body::new(Answer { body, _under_way: under_way }))
}

struct UnderWay(Arc<Place>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.becomes_idle();
    }
}

/// An answer that says by its end that its request is done.
struct Answer {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
