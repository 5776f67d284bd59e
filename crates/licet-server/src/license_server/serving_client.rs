use std::{fmt, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use licet_store::InstanceRow;

use super::{AtInstance, caller::identify};
use crate::{
    App, Code, Problem,
    security::{Permission, Principal},
};

/// A client that may ask the instance for features: with a token that is signed with a licensing
/// key of the instance, or as anybody else with the permission to; or without any credentials
/// where JSON security is disabled.
pub(crate) struct ServingClient {
    pub(crate) instance: Arc<InstanceRow>,
    /// Nobody in particular where JSON security is disabled.
    caller: Option<Arc<Principal>>,
}

impl ServingClient {
    /// Who asks, for the tests of this extractor.
    #[cfg(test)]
    pub(crate) fn name(&self) -> &str {
        self.caller.as_ref().map_or("anonymous", |caller| &caller.name)
    }
}

impl fmt::Debug for ServingClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServingClient")
            .field("instance", &self.instance.id)
            .field("caller", &self.caller)
            .finish()
    }
}

impl FromRequestParts<App> for ServingClient {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let AtInstance(instance) = AtInstance::from_request_parts(parts, app).await?;
        let policies = app.instance_settings.load().of(instance.id);
        if !policies.json_security {
            app.authenticator.admit_to(instance.id, app.now_ms())?;
            return Ok(Self { instance, caller: None });
        }
        let Some(caller) = identify(parts, app, instance.id, policies).await? else {
            return Err(token_required(app, &instance));
        };
        caller.require_instance(instance.id, &instance.account_id)?;
        caller.require(Permission::Serve)?;
        Ok(Self { instance, caller: Some(caller) })
    }
}

fn token_required(app: &App, instance: &InstanceRow) -> Problem {
    let detail = if app.authenticator.licensing_keys(instance.id).is_empty() {
        "Access requests need a signed token (licensing.security.json is true), and this instance \
         has no key yet to verify one; upload the public key with POST rest_licensing_keys, then \
         send Authorization: Bearer with a JWT that its private key signed"
    } else {
        "Access requests need a signed token (licensing.security.json is true); send \
         Authorization: Bearer with a JWT that the private key of a licensing key signed and whose \
         claim roles has ROLE_CAPABILITY"
    };
    Problem::new(Code::AuthenticationRequired, detail)
}

#[cfg(test)]
#[path = "serving_client_tests.rs"]
mod tests;
