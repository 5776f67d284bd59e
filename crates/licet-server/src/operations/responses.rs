//! The error answers that operations of our own doors have in common, for the contract.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses,
    openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder},
};

/// A set of error answers: the statuses, and when each is given.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident { $($status:literal $text:literal,)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub(crate) struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    [$(($status.to_string(), problem($text))),+].into()
                }
            }
        )+
    };
}

problems! {
    /// Of an operation that reads.
    ReadProblems {
        400 "A parameter is not allowed",
        401 "Credentials are missing, wrong or expired",
        403 "The caller lacks the permission",
        429 "Too many requests; Retry-After says when to ask again",
        500 "The server failed",
        503 "The store or the reports cannot answer now; ask again",
    }
    /// Of an operation that changes something and has a body.
    ChangeProblems {
        400 "The body or a value in it is not allowed",
        401 "Credentials are missing, wrong or expired",
        403 "The caller lacks the permission",
        413 "The body is too large",
        415 "The body is not application/json",
        429 "Too many requests; Retry-After says when to ask again",
        500 "The server failed",
        503 "The store cannot take this now; ask again",
    }
}

fn problem(description: &str) -> RefOr<Response> {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", body)
        .build()
        .into()
}
