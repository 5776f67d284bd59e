//! The contract as OpenAPI, a page to browse it, and a page for each error code.

use axum::{
    Router,
    extract::Path,
    http::header,
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Document,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{App, Code, Problem};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "licet",
        description = "Licensing and monetization server: may this person, device or program \
            use this item now, how much of it, and what does it cost?\n\n\
            Times are POSIX milliseconds, UTC. Errors of doors that follow a reference have the \
            reference's body where it names one; all others are `application/problem+json` with \
            a stable `code` and a page at `/docs/errors/{code}`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    modifiers(&Schemes),
    tags(
        (name = "service", description = "Health, readiness, metrics, public keys"),
    ),
)]
pub(crate) struct Contract;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A JWT signed with an uploaded key (AdministrationAccess or ClientAccess), or \
                 the token of a user from /operations/api/v1/authorize",
            ))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let basic = HttpBuilder::new().scheme(HttpAuthScheme::Basic).build();
        components.add_security_scheme("basic", SecurityScheme::Http(basic));
    }
}

/// The document before the doors add their operations.
pub(crate) fn contract() -> Document {
    Contract::openapi()
}

/// `/openapi.json`, `/docs` and `/docs/errors/{code}`.
pub(crate) fn pages(document: &Document) -> Result<Router<App>, Problem> {
    let json = document.to_json().map_err(|error| Problem::internal(&error))?;
    let serve_json = move || {
        let json = json.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], json) }
    };
    let browser: Router = SwaggerUi::new("/docs").config(Config::from("/openapi.json")).into();
    Ok(Router::new()
        .route("/openapi.json", get(serve_json))
        .route("/docs/errors/{code}", get(error_page))
        .route("/", get(|| async { Redirect::temporary("/docs") }))
        .merge(browser.with_state(())))
}

/// The page of an error code, as Markdown in a plain page.
async fn error_page(Path(code): Path<String>) -> Response {
    let found = Code::ALL.iter().find(|known| known.as_str() == code);
    match found {
        None => Problem::not_found("error code").into_response(),
        Some(code) => Html(format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{code}</title>\
             <body style=\"max-width:40em;margin:2em auto;font-family:sans-serif\">\
             <pre style=\"white-space:pre-wrap;font:inherit\">{}</pre></body></html>",
            escape(code.page())
        ))
        .into_response(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
