//! Reservations: counts of features kept for devices and users, in groups.

use licet_core::{COUNT_MAX, model::Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    FeatureVersion, HostIdIn, HostIdOut, Malformed, Moment, Name, Text,
    limits::{RESERVATION_ENTRIES, RESERVATIONS},
    list,
    object::object,
};

/// A group of reservations to be posted. The ids, `created`, `disabled` and `reason`, which GET shows, may
/// be sent back and count for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({"name": "support", "reservations": [
    {"hostId": {"value": "02AB34CD56EF", "type": "ETHERNET"}, "reservationEntries": [
        {"featureName": "render", "featureVersion": "1.0", "featureCount": 2},
    ]},
    {"hostId": {"value": "alice", "type": "USER"}, "reservationEntries": [
        {"featureName": "export", "featureVersion": "1.0", "featureCount": 1, "pool": "eng"},
    ]},
]}))]
pub struct ReservationGroupIn {
    /// Unlike those of all other groups of the instance; left out for one that is made of the
    /// group's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// What is reserved for each host.
    #[serde(deserialize_with = "list::bounded::<_, _, RESERVATIONS>")]
    #[schema(min_items = 1, max_items = 1000)]
    pub reservations: Vec<ReservationIn>,
}
object!(ReservationGroupIn: Serialize);

/// What is to be reserved for a device or a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({
    "hostId": {"value": "alice", "type": "USER"},
    "reservationEntries": [{"featureName": "render", "featureVersion": "1.0", "featureCount": 2}],
}))]
pub struct ReservationIn {
    /// A host can have one reservation on an instance.
    pub host_id: HostIdIn,
    /// What is reserved.
    #[serde(deserialize_with = "list::bounded::<_, _, RESERVATION_ENTRIES>")]
    #[schema(min_items = 1, max_items = 100)]
    pub reservation_entries: Vec<ReservationEntryIn>,
}
object!(ReservationIn: Serialize);

/// A feature to be reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({
    "featureName": "render", "featureVersion": "1.0", "featureCount": 2, "pool": "eng",
}))]
pub struct ReservationEntryIn {
    /// A concurrent feature.
    pub feature_name: Name,
    /// Lower versions are not taken; left out or `0` takes any. It is read as a text, so that it is
    /// told together with all else that is wrong.
    #[serde(default)]
    #[schema(value_type = Option<FeatureVersion>)]
    pub feature_version: Text,
    /// How many to reserve.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub feature_count: i64,
    /// The pool to take them out of; `default` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Name>,
}
object!(ReservationEntryIn: Serialize);

/// Groups of reservations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReservationGroups {
    /// When they were read.
    pub as_of: Moment,
    /// In the order in which they were posted.
    pub groups: Vec<ReservationGroupOut>,
}

/// A group of reservations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": 3, "name": "support", "created": "2026-03-01T17:00:00.000Z", "reservations": [{
        "id": 12, "hostId": {"type": "USER", "value": "alice"}, "disabled": false,
        "reservationEntries": [
            {"featureName": "render", "featureVersion": "1.0", "featureCount": 2},
        ],
    }],
}))]
pub struct ReservationGroupOut {
    /// Number of the group within its instance.
    pub id: u64,
    /// Name of the group.
    pub name: String,
    /// When it was posted.
    pub created: Moment,
    /// What is reserved for each host.
    pub reservations: Vec<ReservationOut>,
}

/// What is reserved for a device or a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReservationOut {
    /// Number of the reservation within its instance.
    pub id: u64,
    /// The host.
    pub host_id: HostIdOut,
    /// Whether it keeps nothing, because counts no longer suffice for all of it.
    pub disabled: bool,
    /// Where counts do not suffice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is reserved.
    pub reservation_entries: Vec<ReservationEntryOut>,
}

/// A feature that is reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReservationEntryOut {
    /// Name of the feature.
    pub feature_name: String,
    /// Lower versions are not taken; 0.0 takes any.
    pub feature_version: FeatureVersion,
    /// How many are reserved.
    pub feature_count: u64,
    /// The pool that they are taken out of, if it is not `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
}

impl ReservationGroupIn {
    /// Everything wrong with the group that types do not tell; empty if it may be posted.
    #[must_use]
    pub fn complaints(&self) -> Vec<Malformed> {
        let mut found = Vec::new();
        if self.reservations.is_empty() {
            found.push(empty("$.reservations".to_owned()));
        }
        for (index, reservation) in self.reservations.iter().enumerate() {
            reservation.complain(&format!("$.reservations[{index}]"), &mut found);
        }
        found
    }
}

impl ReservationIn {
    fn complain(&self, at: &str, found: &mut Vec<Malformed>) {
        if self.reservation_entries.is_empty() {
            found.push(empty(format!("{at}.reservationEntries")));
        }
        for (index, entry) in self.reservation_entries.iter().enumerate() {
            entry.complain(&format!("{at}.reservationEntries[{index}]"), found);
        }
    }
}

impl ReservationEntryIn {
    fn complain(&self, at: &str, found: &mut Vec<Malformed>) {
        if let Err(error) = self.feature_version.parse::<Version>() {
            found.push(Malformed { at: format!("{at}.featureVersion"), what: error.to_string() });
        }
        if !u64::try_from(self.feature_count).is_ok_and(|count| (1..COUNT_MAX).contains(&count)) {
            let what = format!("must be a whole number from 1 to {}", COUNT_MAX - 1);
            found.push(Malformed { at: format!("{at}.featureCount"), what });
        }
    }
}

fn empty(at: String) -> Malformed {
    Malformed { at, what: "must have at least 1 element".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(json: &str) -> Vec<String> {
        let group: ReservationGroupIn = crate::parse(json.as_bytes()).expect("it is a group");
        group.complaints().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_mistake_has_its_place() {
        let text = r#"{"reservations":[
            {"hostId":{"value":"a"},"reservationEntries":[]},
            {"hostId":{"value":"b","type":"USER"},"reservationEntries":[
                {"featureName":"render","featureCount":1},
                {"featureName":"render","featureVersion":"x","featureCount":0}]}]}"#;
        let found = complaints(text);
        let places: Vec<_> = found.iter().filter_map(|text| text.split(": ").next()).collect();
        let entry = "$.reservations[1].reservationEntries[1]";
        assert_eq!(
            places,
            [
                "$.reservations[0].reservationEntries",
                &format!("{entry}.featureVersion"),
                &format!("{entry}.featureCount"),
            ]
        );
        assert_eq!(
            complaints(r#"{"reservations":[]}"#),
            ["$.reservations: must have at least 1 element"]
        );
    }

    #[test]
    fn lists_have_an_end() {
        let entry = r#"{"featureName":"a","featureCount":1}"#;
        let of = |reservations: usize, entries: usize| {
            let entries = vec![entry; entries].join(",");
            let one = format!(r#"{{"hostId":{{"value":"h"}},"reservationEntries":[{entries}]}}"#);
            let all = vec![one; reservations].join(",");
            crate::parse::<ReservationGroupIn>(format!(r#"{{"reservations":[{all}]}}"#).as_bytes())
        };
        assert!(of(1_000, 1).is_ok() && of(1, 100).is_ok());
        let many = of(1_001, 1).expect_err("there are too many");
        assert_eq!(many.what, "must have at most 1000 elements");
        let many = of(1, 101).expect_err("there are too many");
        assert_eq!(many.at, "$.reservations[0].reservationEntries");
    }
}
