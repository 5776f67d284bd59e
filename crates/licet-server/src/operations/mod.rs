//! The operations door: log-in, users, the audit log, signing keys, and what the site knows of instances and
//! accounts.

mod accounts;
mod asked;
mod audit;
mod authorize;
mod body;
mod feature_line_items;
mod instances;
mod me;
pub(crate) mod page;
mod producer_user;
mod responses;
mod rights_export;
mod signing_keys;
mod users;

pub(crate) use asked::Asked;
pub(crate) use body::SmallBody;
pub(crate) use responses::{ChangeProblems, ReadProblems};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

/// All operations under `/operations/api/v1`.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(authorize::authorize))
        .routes(routes!(authorize::log_out))
        .routes(routes!(me::show))
        .routes(routes!(me::change_password))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::get, users::change, users::delete))
        .routes(routes!(audit::list))
        .routes(routes!(instances::get))
        .routes(routes!(instances::set_admin_password))
        .routes(routes!(producer_user::get, producer_user::put))
        .routes(routes!(feature_line_items::list))
        .routes(routes!(
            feature_line_items::get,
            feature_line_items::put,
            feature_line_items::delete
        ))
        .routes(routes!(rights_export::export))
        .routes(routes!(accounts::list))
        .routes(routes!(signing_keys::list, signing_keys::create))
        .routes(routes!(signing_keys::delete))
}
