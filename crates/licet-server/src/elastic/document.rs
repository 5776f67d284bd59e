//! What OpenAPI says of every operation alike, and of each version.

use licet_protocol::{
    ApiVersion, ErrorTexts, MessageTexts, Problem, ServerId, limits::IDEMPOTENCY_KEY_CHARS,
};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        Content, KnownFormat, ObjectBuilder, OpenApi, OpenApiBuilder, Paths, Ref, RefOr, Required,
        Response, ResponseBuilder, Schema, SchemaFormat,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
        schema::Type,
        security::SecurityRequirement,
        tag::TagBuilder,
    },
};

const PROBLEM: &str = "application/problem+json";
const JSON: &str = "application/json";

const TAGS: [(&str, &str); 8] = [
    ("keys", "Public keys that verify the tokens of producer and clients"),
    ("instances", "Customers' pools of tokens"),
    ("line items", "Buckets of tokens on an instance"),
    ("rate tables", "What items cost"),
    ("rules of access", "Who may consume from which line item, and how much"),
    ("access requests", "One-off charges"),
    ("sessions", "Charges that repeat while a client is alive"),
    ("configuration", "Settings of the site"),
];

/// The document before the operations are added.
pub(super) fn beginning() -> OpenApi {
    let tags = TAGS.map(|(name, description)| {
        TagBuilder::new().name(name).description(Some(description)).build()
    });
    let mut document = OpenApiBuilder::new().tags(Some(tags)).build();
    let schemas = &mut document.components.get_or_insert_default().schemas;
    let mut add = |name: &str, schema: RefOr<Schema>| {
        schemas.insert(name.to_owned(), schema);
    };
    add(&Problem::name(), Problem::schema());
    add(&ErrorTexts::name(), ErrorTexts::schema());
    add(&MessageTexts::name(), MessageTexts::schema());
    document
}

/// Puts base and version before the path, and adds what all operations have in common.
pub(super) fn complete(paths: Paths, base: &str, version: ApiVersion) -> Paths {
    let mut completed = Paths::new();
    for (path, mut item) in paths.paths {
        for operation in operations(&mut item) {
            complete_operation(operation, &path, version);
        }
        completed.paths.insert(format!("{base}{path}"), item);
    }
    completed
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch]
        .into_iter()
        .flatten()
}

fn complete_operation(operation: &mut Operation, path: &str, version: ApiVersion) {
    differ(operation, version);
    if let Some(id) = &mut operation.operation_id {
        // An identifier, so that generated clients keep it.
        *id = format!("{id}_{}", version.as_str().replace('.', "_"));
    }
    operation.security = Some(vec![SecurityRequirement::new("bearer", Vec::<String>::new())]);
    let parameters = operation.parameters.get_or_insert_default();
    parameters.splice(0..0, PATH_PARAMETERS.iter().filter_map(|known| known.find(path)));
    add_errors(operation, path);
}

/// A name in braces in a path.
struct PathParameter {
    name: &'static str,
    schema: fn() -> ObjectBuilder,
    description: &'static str,
}

const PATH_PARAMETERS: [PathParameter; 5] = [
    PathParameter { name: "instanceId", schema: instance_id, description: "The instance" },
    PathParameter { name: "sessionId", schema: uuid, description: "The session" },
    PathParameter {
        name: "lineItemId",
        schema: string,
        description: "Activation ID of the line item",
    },
    PathParameter { name: "conditionId", schema: uuid, description: "The condition" },
    PathParameter { name: "keyId", schema: string, description: "Id of the public key" },
];

impl PathParameter {
    fn find(&self, path: &str) -> Option<Parameter> {
        path.contains(&format!("{{{}}}", self.name)).then(|| {
            parameter(self.name, ParameterIn::Path, self.description, (self.schema)())
                .required(Required::True)
                .build()
        })
    }
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn uuid() -> ObjectBuilder {
    string().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
}

/// The UUID, or its short form.
fn instance_id() -> ObjectBuilder {
    string().pattern(Some(ServerId::PATTERN))
}

fn parameter(
    name: &str,
    place: ParameterIn,
    description: &str,
    schema: ObjectBuilder,
) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
}

/// The two ways to name the instance of a session.
pub(super) struct InstanceParams;

impl IntoParams for InstanceParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let header = "Instance of the session; callers with a client key must send it";
        let query = "In place of the header, for callers without a client key";
        vec![
            parameter("x-instance-id", ParameterIn::Header, header, instance_id()).build(),
            parameter("instanceId", ParameterIn::Query, query, instance_id()).build(),
        ]
    }
}

/// The key under which an operation is done once.
pub(super) struct IdempotencyParams;

impl IntoParams for IdempotencyParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(IDEMPOTENCY_KEY_CHARS))
            .pattern(Some("^[!-~]+$"));
        let what = "The same key with the same request is done once and answered alike";
        vec![parameter("Idempotency-Key", ParameterIn::Header, what, schema).build()]
    }
}

fn add_errors(operation: &mut Operation, path: &str) {
    let has_body = operation.request_body.is_some();
    let errors = [
        (true, "400", "The request cannot be understood, or a value is not allowed"),
        (true, "401", "No token, or one that is not accepted"),
        (true, "403", "The caller may not do this"),
        (path.contains('{') || path == "/sessions", "404", "It is absent, or not the caller's"),
        (has_body, "413", "The body is larger than 1 MiB"),
        (has_body, "415", "The body is not application/json"),
        (true, "429", "Too many requests; see Retry-After"),
        (true, "500", "The server failed"),
        (true, "503", "Busy, or the store cannot answer; see Retry-After"),
    ];
    let responses = &mut operation.responses.responses;
    for (_, status, description) in errors.into_iter().filter(|(applies, ..)| *applies) {
        let problem = || RefOr::T(response(description, PROBLEM, &Problem::name()));
        responses.entry(status.to_owned()).or_insert_with(problem);
    }
}

fn response(description: &str, media_type: &str, schema: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name(schema)));
    ResponseBuilder::new().description(description).content(media_type, content).build()
}

/// Section 1.3 of the fact sheet, as far as a document shows it.
fn differ(operation: &mut Operation, version: ApiVersion) {
    let responses = &mut operation.responses.responses;
    match operation.operation_id.as_deref() {
        Some("addactivation") => {
            let schema = match version {
                ApiVersion::V1_0 => ErrorTexts::name(),
                ApiVersion::V1_1 => MessageTexts::name(),
            };
            let wrong = response("Everything that is wrong with the line item", JSON, &schema);
            responses.insert("400".to_owned(), RefOr::T(wrong));
        }
        Some("getheartbeat") => {
            let other = match version {
                ApiVersion::V1_0 => "409",
                ApiVersion::V1_1 => "403",
            };
            responses.remove(other);
        }
        _ => {}
    }
}
