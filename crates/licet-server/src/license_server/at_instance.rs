use std::{fmt, ops::Deref, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use licet_core::InstanceId;
use licet_protocol::ServerId;
use licet_store::InstanceRow;

use crate::{App, Problem};

/// The instance that a request of this door is for, whoever asks.
pub(crate) struct AtInstance(pub(crate) Arc<InstanceRow>);

impl Deref for AtInstance {
    type Target = InstanceRow;

    fn deref(&self) -> &InstanceRow {
        &self.0
    }
}

impl fmt::Debug for AtInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AtInstance").field(&self.0.id).finish()
    }
}

impl FromRequestParts<App> for AtInstance {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let id = match named(parts.uri.path()) {
            None | Some("~" | "%7E" | "%7e") => app.local_instance.id(app).await?,
            // What is no id is the id of nothing.
            Some(text) => match text.parse() {
                Ok(ServerId(id)) => InstanceId(id),
                Err(_) => return Err(Problem::not_found("instance")),
            },
        };
        let row = app.engine.instance(id).await?;
        row.map(Self).ok_or_else(|| Problem::not_found("instance"))
    }
}

/// What stands for the instance in a path of this door; nothing at the bare root.
fn named(path: &str) -> Option<&str> {
    path.strip_prefix("/api/1.0/instances/")?.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instance_stands_after_the_base() {
        for (path, name) in [
            ("/api/1.0/instances/~/health", Some("~")),
            ("/api/1.0/instances/ABC/users/x", Some("ABC")),
            ("/api/1.0/health", None),
            ("/api/1.0/users/instances", None),
        ] {
            assert_eq!(named(path), name, "{path}");
        }
    }
}
