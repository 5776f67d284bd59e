//! The rights of an instance on their way to a local licence server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    FeatureLineItemIn, HostIdIn, JwkSet, Millis, Moment, limits::BODY_BYTES, object::object, text,
};

/// The kind of the signed document, as its header names it.
pub const INSTANCE_RIGHTS_TYP: &str = "licet-instance-rights+jwt";

/// For whom the rights of an instance are to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({"hostId": {"type": "ETHERNET", "value": "02AB34CD56EF"}}))]
pub struct RightsExportIn {
    /// One of the hostids of the local licence server; no other takes the document.
    pub host_id: HostIdIn,
    /// Until when the document can be imported; without it, until there is a newer one. What was
    /// imported stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
}
object!(RightsExportIn: Serialize);

/// The signed rights of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RightsExportOut {
    /// A JSON Web Signature in its compact form, whose payload are [`InstanceRights`].
    #[schema(example = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIifQ.c2lnbmF0dXJl")]
    pub document: String,
    /// Number of the document; a later one of the same instance has a higher number.
    pub generation: i64,
    /// How many line items it has.
    pub line_items: usize,
}

/// A document for a local licence server to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
pub struct RightsImportIn {
    /// The document as `rights-export` wrote it.
    #[serde(deserialize_with = "text::bounded::<_, BODY_BYTES>")]
    #[schema(min_length = 1, max_length = 1048576)]
    #[schema(example = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIifQ.c2lnbmF0dXJl")]
    pub document: String,
}
object!(RightsImportIn: Serialize);

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RightsImported {
    /// The instance whose rights they are.
    pub source_id: Uuid,
    /// Number of the document.
    pub generation: i64,
    /// When it was signed.
    pub issued: Moment,
    /// How many line items are served from now on.
    pub line_items: usize,
    /// How many are obsolete since the document has them no more.
    pub obsolete: usize,
}

/// What the signed document says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct InstanceRights {
    /// The instance whose rights they are.
    pub sub: Uuid,
    /// The hostid of the licence server that may take them: its value, a slash, its type; the
    /// value alone is of type `STRING`.
    pub aud: String,
    /// When it was signed, POSIX seconds.
    pub iat: i64,
    /// Until when it can be taken, POSIX seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// A later document of the same instance has a higher number.
    pub generation: i64,
    /// Line items by activation ID.
    pub line_items: BTreeMap<String, FeatureLineItemIn>,
    /// The keys that verify the next document, so that keys can be changed.
    pub jwks: JwkSet,
}
object!(InstanceRights: Serialize);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rights_have_line_items_as_they_are_put() {
        let line_item = json!({
            "state": "DEPLOYED", "start": 0, "end": "permanent",
            "features": [{ "name": "render", "model": "CONCURRENT", "count": 5 }],
        });
        let rights = json!({
            "sub": Uuid::from_u128(7), "aud": "02AB34CD56EF/ETHERNET", "iat": 1,
            "generation": 2, "lineItems": { "act-1": line_item }, "jwks": { "keys": [] },
        });
        let read: InstanceRights =
            crate::parse(rights.to_string().as_bytes()).expect("they are rights");
        let written = serde_json::to_string(&read).expect("they are written");
        let again: InstanceRights = crate::parse(written.as_bytes()).expect("they are the same");
        assert_eq!(read, again);
        assert_eq!(read.line_items["act-1"].features[0].count, Some(5));
        assert_eq!(read.exp, None);
    }
}
