//! The elastic door: the Dynamic Monetization API in `v1.0` and `v1.1`.
//!
//! A file for each noun holds its handlers, its routes and its mapping to and from the wire. The
//! same handlers serve both versions and all addresses of an operation; where versions differ, a
//! handler asks for the [`path::Version`]. The canonical addresses are documented in OpenAPI,
//! the others are not.

mod access_requests;
mod actions;
pub(crate) mod changing_terms;
mod conditions;
mod configuration;
mod document;
mod instances;
mod keys;
mod line_item_complaints;
mod line_items;
mod named_instance;
mod path;
mod rate_tables;
mod session_events;
mod sessions;

use licet_protocol::ApiVersion;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::App;

/// The operations of one path, without base and version.
type Operations = UtoipaMethodRouter<App>;

const VERSIONS: [ApiVersion; 2] = [ApiVersion::V1_0, ApiVersion::V1_1];
/// Where everything is served: at the root, which is documented, and as the reference has it.
const PREFIXES: &[&str] = &["", "/dynamicmonetization"];
/// Where keys and sessions are served as well.
const FLOATING_PREFIXES: &[&str] =
    &["", "/dynamicmonetization", "/floating", "/dynamicmonetization/floating"];

/// Operations that share a base.
struct Group {
    base: &'static str,
    prefixes: &'static [&'static str],
    operations: Vec<Operations>,
}

fn groups() -> [Group; 4] {
    let group = |base, prefixes, parts: Vec<Vec<Operations>>| Group {
        base,
        prefixes,
        operations: parts.into_iter().flatten().collect(),
    };
    [
        group(
            "/api",
            FLOATING_PREFIXES,
            vec![keys::operations(), sessions::operations(), session_events::operations()],
        ),
        group("/api", PREFIXES, vec![conditions::operations(), actions::operations()]),
        group(
            "/provisioning/api",
            PREFIXES,
            vec![
                instances::operations(),
                line_items::operations(),
                rate_tables::operations(),
                configuration::operations(),
            ],
        ),
        group("/elastic/api", PREFIXES, vec![access_requests::operations()]),
    ]
}

/// All operations in both versions, under all their addresses.
pub(crate) fn router() -> OpenApiRouter<App> {
    let mut router = OpenApiRouter::with_openapi(document::beginning());
    for group in groups() {
        for version in VERSIONS {
            for operations in &group.operations {
                router = serve(router, &group, version, operations.clone());
            }
        }
    }
    router
}

fn serve(
    mut router: OpenApiRouter<App>,
    group: &Group,
    version: ApiVersion,
    (schemas, paths, handlers): Operations,
) -> OpenApiRouter<App> {
    let base = format!("{}/{version}", group.base);
    for path in paths.paths.keys() {
        for prefix in group.prefixes.iter().filter(|prefix| !prefix.is_empty()) {
            router = router.route(&format!("{prefix}{base}{path}"), handlers.clone());
        }
    }
    router.routes((schemas, document::complete(paths, &base, version), handlers))
}
