//! Public keys that verify tokens.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, Ref, RefOr, Schema},
};

use crate::{
    Millis, Name,
    limits::{KEYS, PEM_CHARS},
    list,
    object::{object, string_enum},
    text,
};

string_enum! {
    /// Whose tokens a key verifies.
    pub enum KeyType {
        /// Those of the producer.
        Admin = "ADMIN",
        /// Those of client applications and customer users.
        Client = "CLIENT",
    }
}

/// A key to be added, or to take the place of the one with its `id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({
    "id": "nw-client-1",
    "publicKey": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
}))]
pub struct KeyIn {
    /// Chosen by the producer; tokens name it as `cnf.jwk.kid`.
    pub id: Name,
    /// PEM (`BEGIN PUBLIC KEY`): RSA of at least 2048 bits, P-256, P-384 or Ed25519.
    #[serde(deserialize_with = "text::bounded::<_, PEM_CHARS>")]
    #[schema(min_length = 1, max_length = 16384)]
    pub public_key: String,
}
object!(KeyIn: Serialize);

/// Up to 100 keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeysIn(pub Vec<KeyIn>);

impl<'de> Deserialize<'de> for KeysIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        list::bounded::<_, _, KEYS>(deserializer).map(Self)
    }
}

impl PartialSchema for KeysIn {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new().items(Ref::from_schema_name("KeyIn")).max_items(Some(KEYS)).into()
    }
}

impl ToSchema for KeysIn {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((KeyIn::name().into_owned(), KeyIn::schema()));
        KeyIn::schemas(schemas);
    }
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyOut {
    /// Chosen by the producer.
    #[schema(example = "nw-client-1")]
    pub id: String,
    /// Whose tokens it verifies.
    #[serde(rename = "type")]
    pub kind: KeyType,
    /// PEM.
    pub public_key: String,
    /// When it was first put.
    pub created: Millis,
    /// When it was last put.
    pub modified: Millis,
}

/// A page of public keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyPage {
    /// The keys.
    pub keys: Vec<KeyOut>,
    /// Ask for the next page with it; 0 if this is the last.
    #[schema(example = 0)]
    pub next: u64,
}
