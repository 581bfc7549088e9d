//! `/api/v1/events/stream`: events as they happen (server-sent events, the HTML standard's section 9.2).
//!
//! Each event is made into a frame once ([`frames`]), by one task that follows the agent's snapshots; a stream is a place in
//! that log, and wakes nobody but itself. So a thousand of them cost the agent's thread one waking, and a client that reads
//! slowly holds nothing but what its socket takes: one that takes nothing is cut off (`stall.rs`), and one that falls so far
//! behind that its place is no longer in the log is told so and goes on with what happens next.

mod frames;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri};
use hyper::body::{Body as HttpBody, Frame};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Snapshots;
use super::answer::problem;
use super::query::{number, numbers};
pub(super) use frames::follow;
use frames::{Frames, Next};

/// Where the frames are found.
pub(super) type Feed = watch::Receiver<Frames>;

/// How often a stream says that it lives, where nothing happens: far less than the minute after which proxies give up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

const ALIVE: Bytes = Bytes::from_static(b": alive\n\n");
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("text/event-stream");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(super) fn routes() -> OpenApiRouter<Snapshots> {
    OpenApiRouter::new().routes(routes!(stream))
}

/// Events as they happen
///
/// Server-sent events: `id` is the event's number, `event` its kind, `data` the event as `/api/v1/events` shows it. First comes
/// `hello` with `agent_started_at`, `generation`, `first_seq` and `last_seq`: numbers begin anew with each life of the agent.
/// `reset` with `first_seq` and `last_seq` says that events behind the given place are missing; what happens next follows.
/// A comment comes every 15 seconds where nothing happens. The stream ends when the agent does.
#[utoipa::path(
    get, path = "/api/v1/events/stream", operation_id = "event_stream", tag = "history",
    params(
        (
            "Last-Event-ID" = Option<u64>, Header,
            description = "Goes on behind the event of this number; without it, and without `after`, with what happens next.",
        ),
        ("after" = Option<u64>, Query, description = "The same, for clients that can't set the header; which goes first."),
    ),
    responses(
        (status = 200, description = "Without an end.", body = String, content_type = "text/event-stream"),
        (status = 400, description = "The place is no number."),
    ),
)]
async fn stream(Extension(feed): Extension<Feed>, headers: HeaderMap, uri: Uri) -> Response<Body> {
    let place = match place(&headers, &uri) {
        Ok(place) => place,
        Err(rule) => return problem(StatusCode::BAD_REQUEST, rule, &uri),
    };
    let mut response = Response::new(Body::new(Stream::new(feed, place, KEEP_ALIVE)));
    response.headers_mut().insert(CONTENT_TYPE, MEDIA_TYPE);
    response
}

/// Behind which event the stream begins; `None`: with what happens next.
fn place(headers: &HeaderMap, uri: &Uri) -> Result<Option<u64>, String> {
    let Some(header) = headers.get(LAST_EVENT_ID) else {
        return numbers(uri.query(), ["after"]).map(|[after]| after);
    };
    let value = header.to_str().ok().and_then(number);
    value.map(Some).ok_or_else(|| "`Last-Event-ID` must be a whole number".to_owned())
}

/// The body of a stream.
struct Stream {
    feed: Feed,
    /// The last event that was sent.
    place: u64,
    keep_alive: Duration,
    state: State,
}

enum State {
    /// This goes out first.
    Greets(Bytes),
    /// What comes behind `place` is sent.
    Reads,
    /// A large piece went out: every other connection has its turn.
    Yields,
    /// There is nothing more to send.
    Waits(Pin<Box<dyn Future<Output = Woken> + Send>>),
    /// Nothing more will come.
    Ends,
}

/// Why a stream that waited goes on.
enum Woken {
    /// There may be something to send.
    News,
    /// Nothing happened for so long that the client must hear of it.
    Nothing,
    /// Whoever made the frames has ended.
    End,
}

impl Stream {
    fn new(mut feed: Feed, place: Option<u64>, keep_alive: Duration) -> Self {
        let frames = feed.borrow_and_update();
        let greeting = frames.hello(place);
        let place = place.unwrap_or_else(|| frames.last_seq());
        drop(frames);
        Self { feed, place, keep_alive, state: State::Greets(greeting) }
    }

    fn wait(&self) -> Pin<Box<dyn Future<Output = Woken> + Send>> {
        let (mut feed, keep_alive) = (self.feed.clone(), self.keep_alive);
        Box::pin(async move {
            match timeout(keep_alive, feed.changed()).await {
                Ok(Ok(())) => Woken::News,
                Ok(Err(_)) => Woken::End,
                Err(_) => Woken::Nothing,
            }
        })
    }

    /// The next piece, if there is one.
    fn read(&mut self) -> Option<Bytes> {
        let (bytes, place) = match self.feed.borrow_and_update().after(self.place) {
            Next::Frames { bytes, last_seq } => (bytes, last_seq),
            Next::Lost { reset, last_seq } => (reset, last_seq),
            Next::Nothing => return None,
        };
        self.place = place;
        Some(bytes)
    }
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let send = |bytes| Poll::Ready(Some(Ok(Frame::data(bytes))));
        loop {
            match &mut self.state {
                State::Greets(greeting) => {
                    let greeting = std::mem::take(greeting);
                    self.state = State::Reads;
                    return send(greeting);
                }
                State::Reads | State::Ends => {
                    if let Some(bytes) = self.read() {
                        if bytes.len() >= frames::PIECE && matches!(self.state, State::Reads) {
                            self.state = State::Yields;
                        }
                        return send(bytes);
                    }
                    if matches!(self.state, State::Ends) {
                        return Poll::Ready(None);
                    }
                    self.state = State::Waits(self.wait());
                }
                State::Yields => {
                    self.state = State::Reads;
                    // A plain wake-up would come round before the runtime looks at its sockets again.
                    return pin!(yield_now()).poll(cx).map(|()| None);
                }
                State::Waits(waiting) => match ready!(waiting.as_mut().poll(cx)) {
                    Woken::News => self.state = State::Reads,
                    Woken::End => self.state = State::Ends,
                    Woken::Nothing => {
                        self.state = State::Reads;
                        return send(ALIVE);
                    }
                },
            }
        }
    }
}
