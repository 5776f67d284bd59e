//! Everything that is wrong with a line item, not just the first thing.

use std::collections::HashMap;

use axum::{http::StatusCode, response::Response};
use licet_protocol::{
    ApiVersion, ErrorTexts, LineItemAttributes, LineItemIn, LineItemState, Malformed, MessageTexts,
    Millis, Name, limits::LAST_MILLISECOND, parse,
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::Problem;
use crate::answer;

/// Reads a line item, or says all that is wrong with it.
pub(super) fn read(body: &[u8], version: ApiVersion) -> Result<LineItemIn, Vec<String>> {
    let complaints = match parse::<LineItemIn>(body) {
        Ok(line_item) => {
            let complaints = line_item.complaints(version);
            if complaints.is_empty() {
                return Ok(line_item);
            }
            complaints
        }
        Err(first) => {
            let all = field_by_field(body, version).unwrap_or_default();
            // What only reading as a whole finds, such as a field that is there twice.
            if all.is_empty() { vec![first] } else { all }
        }
    };
    Err(complaints.iter().map(ToString::to_string).collect())
}

/// 400 in the shape of the version (section 1.3 of the fact sheet).
pub(super) fn refuse(version: ApiVersion, texts: Vec<String>) -> Result<Response, Problem> {
    match version {
        ApiVersion::V1_0 => answer::json(StatusCode::BAD_REQUEST, &ErrorTexts { errors: texts }),
        ApiVersion::V1_1 => answer::json(StatusCode::BAD_REQUEST, &MessageTexts { message: texts }),
    }
}

/// Complaints about each field; those that cannot be read count as good in what follows.
fn field_by_field(body: &[u8], version: ApiVersion) -> Result<Vec<Malformed>, Malformed> {
    let mut object = Object::read(body, "$")?;
    let line_item = LineItemIn {
        activation_id: object.required("activationId").unwrap_or_else(|| Name::from("?")),
        state: object.required("state").unwrap_or(LineItemState::Deployed),
        quantity: object.required("quantity").unwrap_or(1),
        start: object.required("start").unwrap_or(Millis(0)),
        end: object.required("end").unwrap_or(Millis(LAST_MILLISECOND)),
        attributes: attributes(&mut object),
    };
    let mut complaints = object.complaints;
    complaints.extend(line_item.complaints(version));
    Ok(complaints)
}

fn attributes(line_item: &mut Object<'_>) -> LineItemAttributes {
    let Some(raw) = line_item.fields.remove("attributes") else {
        return LineItemAttributes::default();
    };
    if raw.get() == "null" {
        return LineItemAttributes::default();
    }
    let mut object = match Object::read(raw.get().as_bytes(), "$.attributes") {
        Ok(object) => object,
        Err(complaint) => {
            line_item.complaints.push(complaint);
            return LineItemAttributes::default();
        }
    };
    let attributes = LineItemAttributes {
        elastic: object.optional("elastic"),
        rate_table_series: object.optional("rateTableSeries"),
        overdraft_limit: object.optional("overdraftLimit"),
        overdraft_type: object.optional("overdraftType"),
        reset_frequency: object.optional("resetFrequency"),
    };
    object.refuse_others();
    let is_readable = object.complaints.is_empty();
    line_item.complaints.append(&mut object.complaints);
    if is_readable {
        return attributes;
    }
    // What belongs together cannot be told while a part is unreadable.
    LineItemAttributes { reset_frequency: attributes.reset_frequency, ..Default::default() }
}

/// An object whose fields are read one by one.
struct Object<'a> {
    at: &'static str,
    fields: HashMap<String, &'a RawValue>,
    complaints: Vec<Malformed>,
}

impl<'a> Object<'a> {
    fn read(body: &'a [u8], at: &'static str) -> Result<Self, Malformed> {
        let fields = parse(body).map_err(|error| beneath(at, error))?;
        Ok(Self { at, fields, complaints: Vec::new() })
    }

    fn required<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        if !self.fields.contains_key(name) {
            let what = "is missing but it is required".to_owned();
            self.complaints.push(Malformed { at: format!("{}.{name}", self.at), what });
        }
        self.value(name)
    }

    fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        self.value::<Option<T>>(name).flatten()
    }

    fn value<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let raw = self.fields.remove(name)?;
        match parse(raw.get().as_bytes()) {
            Ok(value) => Some(value),
            Err(error) => {
                self.complaints.push(beneath(&format!("{}.{name}", self.at), error));
                None
            }
        }
    }

    /// Complains about the fields that nobody asked for.
    fn refuse_others(&mut self) {
        let mut names: Vec<&String> = self.fields.keys().collect();
        names.sort();
        let complaints = names.into_iter().map(|name| Malformed {
            at: format!("{}.{name}", self.at),
            what: format!(
                "property '{name}' is not defined in the schema and the schema does not allow \
                 additional properties"
            ),
        });
        self.complaints.extend(complaints);
    }
}

/// A complaint about a part, with the place of the part in the body.
fn beneath(at: &str, error: Malformed) -> Malformed {
    let rest = error.at.strip_prefix('$').unwrap_or(&error.at);
    Malformed { at: format!("{at}{rest}"), what: error.what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(body: &str) -> Vec<String> {
        read(body.as_bytes(), ApiVersion::V1_0).err().unwrap_or_default()
    }

    #[test]
    fn every_field_is_complained_about() {
        let body = r#"{"activationId":7,"state":"GONE","quantity":0,"start":"now","attributes":{
            "elastic":"yes","overdraftLimit":"5","overdraftType":"Number","color":1,
            "resetFrequency":"DAILY"}}"#;
        let additional = "is not defined in the schema and the schema does not allow \
                          additional properties";
        assert_eq!(
            complaints(body),
            [
                "$.activationId: integer found, string expected",
                "$.state: does not have a value in the enumeration \
                 [DEPLOYED, INACTIVE, OBSOLETE]",
                "$.start: string found, integer expected",
                "$.end: is missing but it is required",
                "$.attributes.elastic: string found, boolean expected",
                "$.attributes.overdraftLimit: string found, integer expected",
                &format!("$.attributes.color: property 'color' {additional}"),
                "$.quantity: must have a minimum value of 1",
                &format!("$.attributes: property 'resetFrequency' {additional}"),
            ]
        );
    }

    #[test]
    fn what_is_no_object_is_one_complaint() {
        assert_eq!(complaints("[]"), ["$: array found, object expected"]);
        assert!(complaints("{\"a\"")[0].starts_with("$: is not JSON: "));
        let line = r#""activationId":"a","state":"DEPLOYED","quantity":1,"start":1,"end":2"#;
        assert_eq!(complaints(&format!("{{{line}}}")), Vec::<String>::new());
        assert_eq!(
            complaints(&format!("{{{line},\"attributes\":[]}}")),
            ["$.attributes: array found, object expected"]
        );
        let twice = complaints(&format!("{{{line},\"end\":3}}"));
        assert_eq!(twice.len(), 1, "{twice:?}");
        assert!(twice[0].contains("'end' is given twice"), "{twice:?}");
    }
}
