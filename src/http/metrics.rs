//! `/metrics`: the state and what was counted, in Prometheus' text format.
//!
//! Made of the newest snapshot when it is asked for, by the `prometheus` crate's own text encoder, which escapes whatever
//! comes from libvirt or YAML. There is no registry: nothing here lives longer than an answer. The number of series does not
//! grow with the number of VMs; those that name one are of what is wrong, and at most [`NAMED`] of each kind.
//!
//! `family.rs` is the list of all that is shown, with its help; `state.rs` and `tally.rs` fill it, `process.rs` reads what the
//! kernel knows of this process.

mod family;
mod process;
mod state;
mod tally;
#[cfg(test)]
mod tests;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode, Uri};
use prometheus::proto::{Bucket, Counter, Gauge, LabelPair, Metric, MetricFamily};
use prometheus::{TEXT_FORMAT, TextEncoder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::problem;
use super::{Snapshots, latest};
use crate::snapshot::{Histogram, Snapshot};
use family::{Family, Kind};
use process::Process;

/// The path.
const METRICS: &str = "/metrics";

/// How many series of a kind may name a VM.
const NAMED: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Snapshots> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// Metrics for Prometheus
#[utoipa::path(
    get, path = METRICS, tag = "state",
    responses((
        status = 200,
        description = "The state and what was counted, in Prometheus' text format; `# HELP` says what each is.",
        body = String, content_type = "text/plain; version=0.0.4",
    )),
)]
async fn metrics(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    match text(&latest(&snapshots), &Process::read()) {
        Ok(text) => {
            let mut response = Response::new(Body::from(text));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TEXT_FORMAT));
            response
        }
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the metrics can't be written as text", &uri),
    }
}

/// All of it.
fn text(snapshot: &Snapshot, process: &Process) -> prometheus::Result<String> {
    let mut page = Page::default();
    state::show(&mut page, snapshot);
    tally::show(&mut page, snapshot);
    process.show(&mut page);
    TextEncoder::new().encode_to_string(&page.families)
}

/// What is to be encoded.
#[derive(Debug, Default)]
struct Page {
    families: Vec<MetricFamily>,
}

impl Page {
    /// A family without labels.
    fn one(&mut self, family: &Family, value: impl Into<Value>) {
        self.many(family, [(Labels::default(), value.into())]);
    }

    /// A family of several series, or of none, which is left out.
    fn many<V: Into<Value>>(&mut self, family: &Family, series: impl IntoIterator<Item = (Labels, V)>) {
        let series: Vec<Metric> = series
            .into_iter()
            .map(|(labels, value)| {
                let mut metric = value.into().into_metric(family.kind);
                metric.set_label(labels.0);
                metric
            })
            .collect();
        if series.is_empty() {
            return;
        }
        let mut shown = MetricFamily::default();
        shown.set_name(family.name.to_owned());
        shown.set_help(family.help.to_owned());
        shown.set_field_type(family.kind.into());
        shown.set_metric(series);
        self.families.push(shown);
    }
}

/// Names and values of labels.
#[derive(Debug, Default)]
struct Labels(Vec<LabelPair>);

impl<const N: usize, V: Into<String>> From<[(&'static str, V); N]> for Labels {
    fn from(pairs: [(&'static str, V); N]) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| {
                    let mut pair = LabelPair::default();
                    pair.set_name(name.to_owned());
                    pair.set_value(value.into());
                    pair
                })
                .collect(),
        )
    }
}

/// What a series shows.
#[derive(Debug)]
enum Value {
    Number(f64),
    Histogram(prometheus::proto::Histogram),
}

impl Value {
    fn into_metric(self, kind: Kind) -> Metric {
        let mut metric = Metric::default();
        match (self, kind) {
            (Self::Number(number), Kind::Counter) => {
                let mut counter = Counter::default();
                counter.set_value(number);
                metric.set_counter(counter);
            }
            (Self::Number(number), Kind::Gauge | Kind::Histogram) => {
                let mut gauge = Gauge::default();
                gauge.set_value(number);
                metric.set_gauge(gauge);
            }
            (Self::Histogram(histogram), _) => metric.set_histogram(histogram),
        }
        metric
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(is_so: bool) -> Self {
        Self::Number(f64::from(u8::from(is_so)))
    }
}

impl From<u64> for Value {
    #[allow(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers; exact up to 2^53")]
    fn from(number: u64) -> Self {
        Self::Number(number as f64)
    }
}

impl From<usize> for Value {
    #[allow(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers; exact up to 2^53")]
    fn from(number: usize) -> Self {
        Self::Number(number as f64)
    }
}

impl From<&Histogram> for Value {
    fn from(histogram: &Histogram) -> Self {
        let mut shown = prometheus::proto::Histogram::default();
        let buckets = histogram.cumulative().map(|(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound.as_secs_f64());
            bucket.set_cumulative_count(count);
            bucket
        });
        shown.set_bucket(buckets.collect());
        shown.set_sample_count(histogram.count());
        shown.set_sample_sum(histogram.sum().as_secs_f64());
        Self::Histogram(shown)
    }
}
