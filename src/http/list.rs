//! Long lists, written piece by piece, and single entries of them.
//!
//! A fleet's list has megabytes. It is made in pages while the client takes it, straight from the snapshot, so
//! that it neither holds up other answers nor stands whole in memory for each client that reads slowly. A list
//! that fits on one page is answered with its length.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Response, StatusCode, Uri};
use hyper::body::{Body as HttpBody, Frame};
use serde::Serialize;
use tokio::task::yield_now;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::answer::{JSON, json, not_found, problem, unserializable};
use super::path::decode;
use crate::snapshot::Snapshot;

/// How many bytes a page has, apart from what its last entry adds.
const PAGE: usize = 64 * 1024;

/// Entries of the snapshot, in the order of their keys, in one JSON object.
pub(super) trait Series: 'static {
    /// The name of the entries in JSON.
    const FIELD: &'static str;
    /// What ends the object behind the last entry.
    const TAIL: &'static [u8] = b"]}";
    /// What an entry is found by.
    type Key: Unpin + Send;
    /// What is shown of an entry.
    type Entry<'a>: Serialize + ToSchema;

    /// What begins the object, up to the first entry.
    fn head(snapshot: &Snapshot) -> serde_json::Result<Vec<u8>> {
        Ok(format!(r#"{{"generation":{},"{}":["#, snapshot.generation, Self::FIELD).into_bytes())
    }

    /// What stands before an entry.
    fn label(_: &Self::Key) -> serde_json::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    /// The entries behind `key`, or all of them.
    fn after<'a>(
        snapshot: &'a Snapshot,
        key: Option<&Self::Key>,
    ) -> impl Iterator<Item = (Self::Key, Self::Entry<'a>)> + use<'a, Self>;
}

/// A list of the snapshot, with a path for each entry.
pub(super) trait List: Series {
    /// The path of an entry, without its key.
    const ONE: &'static str;
    /// What is said of a key without an entry.
    const NONE: &'static str;

    /// The key that a decoded path names; the error says in words why it can't be one.
    fn key(text: &str) -> Result<Self::Key, String>;

    /// The entry of this very key.
    fn find<'a>(snapshot: &'a Snapshot, key: &Self::Key) -> Option<Self::Entry<'a>>;
}

/// The whole object.
pub(super) fn list<L: Series>(snapshot: Arc<Snapshot>, uri: &Uri) -> Response<Body> {
    let mut pages = Pages::<L> { snapshot, last: None, progress: Progress::Start };
    let body = match pages.page() {
        Ok(only) if pages.progress == Progress::End => Body::from(only),
        Ok(first) => Body::new(Paged { ready: Some(first), pages }),
        Err(_) => return unserializable(uri),
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// The entry that the path names. The router's own decoding is lenient, so its key is taken from the path itself.
pub(super) fn one<L: List>(snapshot: &Snapshot, uri: &Uri) -> Response<Body> {
    let text = decode(uri.path().strip_prefix(L::ONE).unwrap_or_default());
    match text.map_err(|error| error.to_string()).and_then(|text| L::key(&text)) {
        Ok(key) => match L::find(snapshot, &key) {
            Some(entry) => json(StatusCode::OK, &entry, uri),
            None => not_found(L::NONE, uri),
        },
        Err(error) => problem(StatusCode::BAD_REQUEST, error, uri),
    }
}

/// What [`list`] answers, for the OpenAPI document.
pub(super) struct Listed<L>(PhantomData<L>);

impl<L: Series> PartialSchema for Listed<L> {
    fn schema() -> RefOr<Schema> {
        let entries =
            ArrayBuilder::new().items(Ref::from_schema_name(<L::Entry<'static> as ToSchema>::name()));
        ObjectBuilder::new().property("generation", u64::schema()).property(L::FIELD, entries).into()
    }
}

impl<L: Series> ToSchema for Listed<L> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}List", <L::Entry<'static> as ToSchema>::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((
            <L::Entry<'static> as ToSchema>::name().into_owned(),
            <L::Entry<'static> as PartialSchema>::schema(),
        ));
        <L::Entry<'static> as ToSchema>::schemas(schemas);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Start,
    Entries,
    End,
}

struct Pages<L: Series> {
    snapshot: Arc<Snapshot>,
    /// The last entry that was written.
    last: Option<L::Key>,
    progress: Progress,
}

impl<L: Series> Pages<L> {
    fn page(&mut self) -> serde_json::Result<Bytes> {
        let mut page = Vec::with_capacity(PAGE + PAGE / 8);
        if self.progress == Progress::Start {
            page.append(&mut L::head(&self.snapshot)?);
            self.progress = Progress::Entries;
        }
        for (key, entry) in L::after(&self.snapshot, self.last.as_ref()) {
            if self.last.is_some() {
                page.push(b',');
            }
            page.append(&mut L::label(&key)?);
            serde_json::to_writer(&mut page, &entry)?;
            self.last = Some(key);
            if page.len() >= PAGE {
                return Ok(page.into());
            }
        }
        page.extend_from_slice(L::TAIL);
        self.progress = Progress::End;
        Ok(page.into())
    }
}

/// The body of a list of several pages.
struct Paged<L: Series> {
    /// The page that goes out next.
    ready: Option<Bytes>,
    pages: Pages<L>,
}

impl<L: Series> HttpBody for Paged<L> {
    type Data = Bytes;
    type Error = serde_json::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(page) = self.ready.take() {
            return Poll::Ready(Some(Ok(Frame::data(page))));
        }
        if self.pages.progress == Progress::End {
            return Poll::Ready(None);
        }
        match self.pages.page() {
            Ok(page) => self.ready = Some(page),
            Err(error) => {
                self.pages.progress = Progress::End;
                return Poll::Ready(Some(Err(error)));
            }
        }
        // Between two pages every other connection has its turn. A plain wake-up would come round before the
        // runtime looks at its sockets again; this one is put off until it has.
        pin!(yield_now()).poll(cx).map(|()| None)
    }
}
