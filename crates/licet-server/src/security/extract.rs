use std::{fmt, marker::PhantomData, net::IpAddr, ops::Deref, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use licet_engine::Clock;

use super::{
    authenticator::{Authenticator, bearer_token},
    cookie::session_token,
    origin::Origin,
    permission::Needs,
    principal::Principal,
    tokens::is_opaque,
};
use crate::problem::{Code, Problem};

/// The caller, who has the permission `P`:
///
/// ```ignore
/// async fn put_line_item(caller: Authorized<perm::LineItemsWrite>, …) -> Result<…, Problem>
/// ```
///
/// The permission alone does not say *where*: the handler asks
/// [`Principal::require_instance`] or [`Principal::require_account`].
pub struct Authorized<P> {
    pub principal: Arc<Principal>,
    needs: PhantomData<fn() -> P>,
}

/// The caller, whoever it is: for what everybody may do with its own, such as logging out.
#[derive(Debug, Clone)]
pub struct Authenticated {
    pub principal: Arc<Principal>,
}

impl<P> Deref for Authorized<P> {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}

impl Deref for Authenticated {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}

impl<P> fmt::Debug for Authorized<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorized").field(&self.principal).finish()
    }
}

impl<S, P> FromRequestParts<S> for Authorized<P>
where
    S: Send + Sync + AsRef<Authenticator> + AsRef<dyn Clock>,
    P: Needs,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let principal = identify(parts, state).await?;
        principal.require(P::PERMISSION)?;
        Ok(Self { principal, needs: PhantomData })
    }
}

impl<S> FromRequestParts<S> for Authenticated
where
    S: Send + Sync + AsRef<Authenticator> + AsRef<dyn Clock>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self { principal: identify(parts, state).await? })
    }
}

async fn identify<S>(parts: &Parts, state: &S) -> Result<Arc<Principal>, Problem>
where
    S: AsRef<Authenticator> + AsRef<dyn Clock>,
{
    let authenticator: &Authenticator = state.as_ref();
    let now_ms = AsRef::<dyn Clock>::as_ref(state).now_ms();
    let principal = match authorization(parts)? {
        Some(header) => from_header(authenticator, header, Origin::of(parts), now_ms).await?,
        None => from_cookie(authenticator, session_token(parts)?, now_ms).await?,
    };
    authenticator.admit(&principal, now_ms)?;
    Ok(principal)
}

/// What the caller showed, kept for an answer that takes long: keys are deleted, tokens run out
/// and users are disabled meanwhile.
pub struct Shown {
    authorization: Option<String>,
    cookie_token: Option<String>,
    address: Option<IpAddr>,
    request_id: String,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Shown {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let origin = Origin::of(parts);
        Ok(Self {
            authorization: authorization(parts)?.map(str::to_owned),
            cookie_token: session_token(parts)?.map(str::to_owned),
            address: origin.address,
            request_id: origin.request_id.to_owned(),
        })
    }
}

impl Shown {
    /// Who it is that showed this, as of now. It counts against no rate limit.
    ///
    /// # Errors
    /// As [`Authenticator::authenticate`].
    pub async fn identify(
        &self,
        authenticator: &Authenticator,
        now_ms: i64,
    ) -> Result<Arc<Principal>, Problem> {
        match &self.authorization {
            Some(header) => {
                let origin = Origin { address: self.address, request_id: &self.request_id };
                from_header(authenticator, header, origin, now_ms).await
            }
            None => from_cookie(authenticator, self.cookie_token.as_deref(), now_ms).await,
        }
    }
}

async fn from_header(
    authenticator: &Authenticator,
    header: &str,
    origin: Origin<'_>,
    now_ms: i64,
) -> Result<Arc<Principal>, Problem> {
    match authenticator.cached(header, now_ms) {
        Some(principal) => Ok(principal),
        // Boxed, so that the way that nearly all requests take stays small.
        None => Box::pin(authenticator.authenticate(header, origin, now_ms)).await,
    }
}

/// The one `Authorization` header.
pub(crate) fn authorization(parts: &Parts) -> Result<Option<&str>, Problem> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::bad_request("There is more than one Authorization header"));
    }
    value.to_str().map(Some).map_err(|_| {
        Problem::new(Code::InvalidToken, "The Authorization header has characters beyond ASCII")
    })
}

/// The user's token that a request shows, in the header or the console's cookie: what a log-out
/// ends. `None` for keys and passwords.
#[must_use]
pub fn presented_token(parts: &Parts) -> Option<&str> {
    match authorization(parts).ok()? {
        Some(header) => bearer_token(header).filter(|token| is_opaque(token)),
        None => session_token(parts).ok()?,
    }
}

pub(crate) async fn from_cookie(
    authenticator: &Authenticator,
    token: Option<&str>,
    now_ms: i64,
) -> Result<Arc<Principal>, Problem> {
    match token {
        Some(token) => Box::pin(authenticator.bearer(token, now_ms)).await,
        None => Err(Problem::new(
            Code::AuthenticationRequired,
            "Send Authorization: Bearer with a token",
        )),
    }
}

#[cfg(test)]
#[path = "extract_tests.rs"]
mod tests;
