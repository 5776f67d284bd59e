//! Errors, as the doors write them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An error of our own doors: `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "type": "/docs/errors/malformed", "title": "Bad Request", "status": 400,
    "code": "malformed", "detail": "$.count: string found, number expected",
    "errors": ["$.count: string found, number expected"],
}))]
pub struct Problem {
    /// Address of the page about this code.
    #[serde(rename = "type", default)]
    #[schema(value_type = String)]
    pub kind: Cow<'static, str>,
    /// Short, the same for every problem of the code.
    #[serde(default)]
    #[schema(value_type = String)]
    pub title: Cow<'static, str>,
    /// HTTP status.
    pub status: u16,
    /// Stable name of the problem, for programs.
    #[schema(value_type = String)]
    pub code: Cow<'static, str>,
    /// What was wrong, where, and what to do.
    #[schema(value_type = String)]
    pub detail: Cow<'static, str>,
    /// Each thing that was wrong, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

/// `{"message": "…"}`: a short confirmation, or an error of `v1.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"message": "Rate table successfully saved"}))]
pub struct Message {
    /// For people.
    #[schema(value_type = String)]
    pub message: Cow<'static, str>,
}

/// `{"message": ["…"]}`: what is wrong with a line item, in `v1.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"message": ["$.attributes.overdraftLimit: string found, integer expected"]}))]
pub struct MessageTexts {
    /// Each thing that is wrong.
    pub message: Vec<String>,
}

/// `{"errors": ["…"]}`: what is wrong with a line item, in `v1.0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"errors": ["$.attributes.overdraftLimit: string found, integer expected"]}))]
pub struct ErrorTexts {
    /// Each thing that is wrong.
    pub errors: Vec<String>,
}

/// `{"error": "…"}`: why a rate table is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"error": "A rate table with this series and version exists"}))]
pub struct ErrorText {
    /// What is wrong.
    #[schema(value_type = String)]
    pub error: Cow<'static, str>,
}
