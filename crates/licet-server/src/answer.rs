//! Answers in the shapes of the reference.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Problem, problem::PROBLEM_JSON};

/// Bytes of a common answer.
const BODY_BYTES: usize = 512;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A JSON answer, written once.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Result<Response, Problem> {
    let mut bytes = Vec::with_capacity(BODY_BYTES);
    serde_json::to_writer(&mut bytes, body).map_err(|error| Problem::internal(&error))?;
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    Ok(response)
}

/// 200 with a JSON body.
pub(crate) fn ok(body: &impl Serialize) -> Result<Response, Problem> {
    json(StatusCode::OK, body)
}

/// A problem with the member that clients of the reference read beside ours.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReferenceProblem {
    #[serde(flatten)]
    problem: licet_protocol::Problem,
    /// What is wrong, in answers about sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    message: Option<Cow<'static, str>>,
    /// What is wrong, in answers about rate tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    error: Option<Cow<'static, str>>,
}

impl ReferenceProblem {
    /// `{"message": "…", …}`
    pub(crate) fn message(problem: &Problem) -> Self {
        let problem = problem.to_body();
        Self { message: Some(problem.detail.clone()), error: None, problem }
    }

    /// `{"error": "…", …}`
    pub(crate) fn error(problem: &Problem) -> Self {
        let problem = problem.to_body();
        Self { message: None, error: Some(problem.detail.clone()), problem }
    }

    /// The answer with a status that a version of the API has for it.
    pub(crate) fn answer(mut self, status: StatusCode) -> Response {
        self.problem.status = status.as_u16();
        let mut response = json(status, &self).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
        response
    }
}

/// The core replied to another question than the one that was asked.
#[derive(Debug, thiserror::Error)]
#[error("an instance replied to something else than it was asked")]
struct UnexpectedReply;

/// 500: a command and its reply do not belong together.
pub(crate) fn unexpected() -> Problem {
    Problem::internal(&UnexpectedReply)
}
