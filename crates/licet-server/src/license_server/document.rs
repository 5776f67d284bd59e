//! What OpenAPI says of every operation of this door alike.

use licet_protocol::ServerId;
use utoipa::openapi::{
    Content, ObjectBuilder, OpenApi, OpenApiBuilder, Paths, Ref, Required, Response,
    ResponseBuilder,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
    schema::Type,
    tag::TagBuilder,
};

use super::BASE;

const TAGS: [(&str, &str); 9] = [
    ("access requests", "Features for clients: the Cloud Monetization API"),
    ("license server", "An instance as a licence server: how it is, suspending and resuming"),
    ("license server users", "Users of an instance and their tokens"),
    ("licensing keys", "Public keys that verify the tokens of an instance's clients"),
    ("license server settings", "Settings of an instance"),
    ("features", "Features of an instance: what is owned, in use and free"),
    ("served clients", "Clients of an instance, their hosts, and what they hold"),
    ("reservations", "Counts that are kept for devices and users"),
    ("named pools", "The model that divides features among pools"),
];

/// The document before the operations are added.
pub(super) fn beginning() -> OpenApi {
    let tags = TAGS.map(|(name, description)| {
        TagBuilder::new().name(name).description(Some(description)).build()
    });
    OpenApiBuilder::new().tags(Some(tags)).build()
}

/// Puts the base before the path, with the parameter that is in it.
pub(super) fn complete(paths: Paths) -> Paths {
    let mut completed = Paths::new();
    for (path, mut item) in paths.paths {
        for operation in operations(&mut item) {
            operation.parameters.get_or_insert_default().insert(0, instance_id());
            let responses = &mut operation.responses.responses;
            responses.entry("404".to_owned()).or_insert_with(|| absent().into());
        }
        completed.paths.insert(format!("{BASE}{path}"), item);
    }
    completed
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch]
        .into_iter()
        .flatten()
}

fn absent() -> Response {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description("There is no such instance, no local one, or it is not the caller's")
        .content("application/problem+json", problem)
        .build()
}

fn instance_id() -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(format!("~|{}", ServerId::PATTERN)));
    ParameterBuilder::new()
        .name("instanceId")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The UUID of the instance, its short form, or ~ for the local one"))
        .schema(Some(schema))
        .build()
}
