//! Who calls at the licence server of an instance.

use std::{fmt, marker::PhantomData, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{Method, request::Parts},
};
use licet_core::{Command, InstanceId, Reply};
use licet_protocol::{InstanceRole, ServerId};
use licet_store::InstanceRow;
use uuid::Uuid;

use super::AtInstance;
use crate::{
    App, Code, Problem,
    security::{
        Caller, InstanceRoles, Needs, Origin, OverTls, PermissionSet, Principal, Scope,
        SecurityPolicies, authorization, from_cookie, session_token,
    },
};

/// The instance of a request, and a caller that sees it and has the permission `P` there: a user
/// of the instance, or a user or key of the site.
pub(crate) struct LicenseServer<P> {
    pub(crate) instance: Arc<InstanceRow>,
    pub(crate) caller: Arc<Principal>,
    needs: PhantomData<fn() -> P>,
}

impl<P> fmt::Debug for LicenseServer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LicenseServer")
            .field("instance", &self.instance.id)
            .field("caller", &self.caller)
            .finish()
    }
}

impl<P> LicenseServer<P> {
    /// Asks the instance.
    ///
    /// # Errors
    /// As [`App::ask`].
    pub(super) async fn ask(&self, app: &App, command: Command) -> Result<Reply, Problem> {
        app.ask(&self.caller, InstanceId(self.instance.id), command).await
    }

    /// The caller, as the audit log and records know it.
    pub(super) fn by(&self) -> Arc<str> {
        self.caller.name.as_str().into()
    }
}

impl<P: Needs> FromRequestParts<App> for LicenseServer<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let AtInstance(instance) = AtInstance::from_request_parts(parts, app).await?;
        let policies = app.instance_settings.load().of(instance.id);
        let caller = match identify(parts, app, instance.id, policies).await? {
            Some(caller) => caller,
            None => {
                let caller = anonymous(parts, instance.id, policies)
                    .filter(|caller| caller.may(P::PERMISSION))
                    .ok_or_else(credentials_required)?;
                app.authenticator.admit_to(instance.id, app.now_ms())?;
                Arc::new(caller)
            }
        };
        caller.require_instance(instance.id, &instance.account_id)?;
        caller.require(P::PERMISSION)?;
        Ok(Self { instance, caller, needs: PhantomData })
    }
}

/// Who sent a request to an instance; `None` if it shows nothing of that.
pub(super) async fn identify(
    parts: &Parts,
    app: &App,
    instance_id: Uuid,
    policies: SecurityPolicies,
) -> Result<Option<Arc<Principal>>, Problem> {
    let (authenticator, now_ms) = (&app.authenticator, app.now_ms());
    let header = authorization(parts)?;
    let cookie = match header {
        Some(_) => None,
        None => session_token(parts)?,
    };
    if header.is_none() && cookie.is_none() {
        return Ok(None);
    }
    check_transport(parts, policies)?;
    let known = header.and_then(|header| authenticator.cached_at(header, instance_id, now_ms));
    let principal = match (known, header) {
        (Some(principal), _) => principal,
        (None, Some(header)) => {
            let requires_exp = || app.instance_settings.load().of(instance_id).requires_exp;
            let origin = Origin::of(parts);
            // Boxed, so that the way that nearly all requests take stays small.
            Box::pin(authenticator.authenticate_at(
                header,
                instance_id,
                requires_exp,
                origin,
                now_ms,
            ))
            .await?
        }
        (None, None) => from_cookie(authenticator, cookie, now_ms).await?,
    };
    authenticator.admit(&principal, now_ms)?;
    Ok(Some(principal))
}

/// Credentials may come over plain HTTP unless the instance refuses that.
///
/// # Errors
/// 403 `https_required`
pub(super) fn check_transport(parts: &Parts, policies: SecurityPolicies) -> Result<(), Problem> {
    if policies.plain_http || parts.extensions.get::<OverTls>().is_some() {
        return Ok(());
    }
    Err(Problem::new(
        Code::HttpsRequired,
        "This instance takes no credentials over plain HTTP (security.http.auth.enabled is \
         false); use HTTPS, and change these credentials: they may have been seen",
    ))
}

/// What everybody is at an instance that lets everybody read.
fn anonymous(parts: &Parts, instance_id: Uuid, policies: SecurityPolicies) -> Option<Principal> {
    let reads = parts.method == Method::GET || parts.method == Method::HEAD;
    (policies.anonymous_reads && reads).then(|| Principal {
        name: format!("anonymous@{}", ServerId(instance_id)),
        caller: Caller::Anonymous,
        permissions: anonymous_permissions(),
        scope: Scope::Instances(vec![instance_id]),
    })
}

fn anonymous_permissions() -> PermissionSet {
    InstanceRoles::new(vec![InstanceRole::Read]).permissions()
}

fn credentials_required() -> Problem {
    Problem::new(
        Code::AuthenticationRequired,
        "Send Authorization: Bearer with a token from authorize of this instance",
    )
}
