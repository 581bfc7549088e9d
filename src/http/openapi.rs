//! `/openapi.json`: what can be asked here, in OpenAPI 3.1, made from the handlers and the types of their answers.
//!
//! A handler says only what is its own. What holds for every path is added here, once: `HEAD`, the answers of the guard,
//! the token, the shape of refusals, and that every key is always there.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Response, StatusCode};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{JSON, PROBLEM, Problem};
use super::{Snapshots, health, paths};

/// The name of the security scheme in the document.
const TOKEN: &str = "token";

/// The answers of the guard, whatever the path.
const REFUSALS: [(StatusCode, &str); 3] = [
    (StatusCode::BAD_REQUEST, "The `Host` header is missing, repeated or malformed."),
    (StatusCode::UNAUTHORIZED, "The token of `http.token_file` is needed, and is not the one that was sent."),
    (StatusCode::MISDIRECTED_REQUEST, "The `Host` header has a name that this server does not answer to."),
];

/// The head of the document.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "roamd",
        description = "What this host announces, why, and how far it is. Everything is read-only: any method but GET and \
                       HEAD is answered with 405 and `Allow: GET, HEAD`, on every path. A key that has nothing to say is \
                       `null`, never absent, where its schema does not say otherwise; new keys may come with new versions. \
                       Times are RFC 3339 in UTC with milliseconds.",
    ),
    servers((url = "/", description = "This host.")),
    tags(
        (name = "state", description = "The state of this host, as of the `generation` that goes with it."),
        (name = "history", description = "What happened, in this agent's life; numbers begin anew with each."),
        (name = "health", description = "For probes and load balancers; open to all that may connect."),
        (name = "description", description = "This document."),
    ),
)]
struct Head;

static DOCUMENT: LazyLock<Bytes> =
    LazyLock::new(|| serde_json::to_vec(&document()).unwrap_or_default().into());

pub(super) fn routes() -> OpenApiRouter<Snapshots> {
    OpenApiRouter::with_openapi(Head::openapi()).routes(routes!(openapi))
}

/// This document
#[utoipa::path(
    get, path = "/openapi.json", tag = "description",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object)),
)]
async fn openapi() -> Response<Body> {
    let mut response = Response::new(Body::from(DOCUMENT.clone()));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// The whole document.
fn document() -> OpenApi {
    let mut document = paths().into_openapi();
    let paths = std::mem::take(&mut document.paths.paths);
    for (path, mut item) in paths {
        if let Some(get) = &mut item.get {
            complete(get, &path);
            item.head = Some(head_of(get));
        }
        // The router's own word for a parameter that may hold slashes.
        document.paths.paths.insert(path.replace("{*", "{"), item);
    }
    let components = document.components.get_or_insert_default();
    let mut schemas = vec![(Problem::name().into_owned(), <Problem<'_> as utoipa::PartialSchema>::schema())];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
    for schema in components.schemas.values_mut() {
        require_all(schema);
    }
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The content of `http.token_file`, where the host has one."))
        .build();
    components.security_schemes.insert(TOKEN.to_owned(), SecurityScheme::Http(token).into());
    document
}

/// Adds to an operation what the guard does before it.
fn complete(operation: &mut Operation, path: &str) {
    let open = health::is_open(path);
    // An empty requirement: a host without a token asks for none.
    let either = [SecurityRequirement::new(TOKEN, [""; 0]), SecurityRequirement::default()];
    operation.security = Some(if open { Vec::new() } else { either.to_vec() });
    let responses = &mut operation.responses.responses;
    for (status, description) in REFUSALS {
        if open && status == StatusCode::UNAUTHORIZED {
            continue;
        }
        let refusal = responses
            .entry(status.as_str().to_owned())
            .or_insert_with(|| RefOr::T(ResponseBuilder::new().build()));
        if let RefOr::T(refusal) = refusal {
            if !refusal.description.is_empty() {
                refusal.description.push(' ');
            }
            refusal.description.push_str(description);
        }
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response
            && response.content.is_empty()
            && status.starts_with(['4', '5'])
        {
            let problem = Content::new(Some(Ref::from_schema_name(Problem::name())));
            response.content.insert(PROBLEM.to_owned(), problem.into());
        }
    }
}

/// The same operation by `HEAD`: the same answers without their bodies.
fn head_of(get: &Operation) -> Operation {
    let mut head = get.clone();
    head.operation_id = head.operation_id.map(|id| format!("{id}_head"));
    for response in head.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.content.clear();
        }
    }
    head
}

/// Says that every key of an object is there that may be `null`: nothing is left out for having nothing to say.
fn require_all(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => {
            let missing = |(key, schema): &(&String, &RefOr<Schema>)| {
                !object.required.contains(key) && may_be_null(schema)
            };
            let nullable: Vec<_> =
                object.properties.iter().filter(missing).map(|(key, _)| key.clone()).collect();
            object.required.extend(nullable);
        }
        Schema::OneOf(one) => one.items.iter_mut().for_each(require_all),
        Schema::AllOf(all) => all.items.iter_mut().for_each(require_all),
        Schema::AnyOf(any) => any.items.iter_mut().for_each(require_all),
        Schema::Array(_) => {}
        // The enum is open to later versions.
        _ => {}
    }
}

/// Whether `null` is one of the schema's types, or of its alternatives.
fn may_be_null(schema: &RefOr<Schema>) -> bool {
    let RefOr::T(schema) = schema else { return false };
    let is_null = |schema_type: &SchemaType| match schema_type {
        SchemaType::Type(Type::Null) => true,
        SchemaType::Array(types) => types.contains(&Type::Null),
        SchemaType::Type(_) | SchemaType::AnyValue => false,
    };
    match schema {
        Schema::Object(object) => is_null(&object.schema_type),
        Schema::Array(array) => is_null(&array.schema_type),
        Schema::OneOf(one) => one.items.iter().any(may_be_null),
        Schema::AnyOf(any) => any.items.iter().any(may_be_null),
        Schema::AllOf(_) => false,
        // The enum is open to later versions.
        _ => false,
    }
}
