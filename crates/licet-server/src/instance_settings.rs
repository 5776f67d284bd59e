//! The settings of an instance: which there are, what they may be, and what they mean for
//! decisions and for the licence server's door.

use std::collections::HashMap;

use licet_core::{Granularity, InstanceId, Policies};
use licet_protocol::{Interval, SigningAlgorithm};
use licet_store::InstanceSettingRow;
use uuid::Uuid;

use crate::security::{Permission, SecurityPolicies};

pub(crate) const BORROW_INTERVAL: &str = "licensing.borrowInterval";
pub(crate) const BORROW_INTERVAL_MAX: &str = "licensing.borrowIntervalMax";
pub(crate) const RENEW_INTERVAL: &str = "licensing.renewInterval";
pub(crate) const GRANULARITY: &str = "licensing.defaultBorrowGranularity";
pub(crate) const VIRTUAL_CLIENTS: &str = "licensing.allowVirtualClients";
pub(crate) const TRACK_DENIED: &str = "licensing.trackDeniedRequests";
pub(crate) const JSON_SECURITY: &str = "licensing.security.json";
pub(crate) const REQUIRE_EXP: &str = "licensing.security.json.requireExp";
pub(crate) const SIGNING_ALGORITHM: &str = "licensing.signing.algorithm";
pub(crate) const ANONYMOUS: &str = "security.anonymous";
pub(crate) const TOKEN_DURATION: &str = "security.token.duration";
pub(crate) const HTTP_AUTH: &str = "security.http.auth.enabled";
/// Kept with the settings, but changed by suspending and resuming alone, and in no list.
pub(crate) const SUSPENDED: &str = "server.suspended";
/// Kept with the settings, but changed by exporting and importing rights alone, and in no list.
pub(crate) const RIGHTS_GENERATION: &str = "rights.generation";
/// As the one before, like the next three.
pub(crate) const RIGHTS_SOURCE: &str = "rights.source";
pub(crate) const RIGHTS_DIGEST: &str = "rights.digest";
pub const RIGHTS_TRUST: &str = "rights.trust";
pub(crate) const RIGHTS_TRUST_GIVEN: &str = "rights.trust.given";

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// No interval is longer than ten years.
const INTERVAL_MAX_MS: i64 = 3_650 * DAY_MS;
/// What stands for an interval that does not limit.
const NONE: &str = "none";

/// What values a setting takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Boolean,
    /// A whole number within bounds, both inclusive.
    Integer {
        min: i64,
        max: i64,
    },
    /// A whole number with a unit `s`, `m`, `h`, `d` or `w`; seconds without one. Bounds are
    /// inclusive, in milliseconds.
    Duration {
        min_ms: i64,
        max_ms: i64,
        or_none: bool,
    },
    Choice(&'static [&'static str]),
}

/// Whose a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Editor {
    /// The producer's alone.
    Producer,
    /// The instance's administrator's, and the producer's.
    Admin,
}

impl Editor {
    pub(crate) fn permission(self) -> Permission {
        match self {
            Self::Producer => Permission::ProducerSettings,
            Self::Admin => Permission::InstanceSettingsWrite,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) default: &'static str,
    pub(crate) editor: Editor,
    pub(crate) description: &'static str,
}

const SIGNING_ALGORITHMS: [&str; 2] = ["EdDSA", "RS256"];

const fn interval(min_ms: i64) -> Kind {
    Kind::Duration { min_ms, max_ms: INTERVAL_MAX_MS, or_none: false }
}

/// All settings by name.
pub(crate) const SETTINGS: [Setting; 12] = [
    Setting {
        name: VIRTUAL_CLIENTS,
        kind: Kind::Boolean,
        default: "true",
        editor: Editor::Producer,
        description: "Whether clients on virtual machines are served",
    },
    Setting {
        name: BORROW_INTERVAL,
        kind: interval(SECOND_MS),
        default: "1w",
        editor: Editor::Producer,
        description: "How long a feature is lent that sets no interval itself",
    },
    Setting {
        name: BORROW_INTERVAL_MAX,
        kind: Kind::Duration { min_ms: SECOND_MS, max_ms: INTERVAL_MAX_MS, or_none: true },
        default: NONE,
        editor: Editor::Admin,
        description: "The longest time for which anything is lent, whatever features and clients \
                      say; many clients that renew after a short time are much work",
    },
    Setting {
        name: GRANULARITY,
        kind: Kind::Choice(&["SECOND", "MINUTE", "HOUR", "DAY"]),
        default: "SECOND",
        editor: Editor::Producer,
        description: "The unit to whose last second the end of a lease is rounded up, unless the \
                      client names one",
    },
    Setting {
        name: RENEW_INTERVAL,
        kind: Kind::Integer { min: 0, max: 100 },
        default: "15",
        editor: Editor::Producer,
        description: "After how many percent of a lease a client is told to renew; 0 tells \
                      nothing",
    },
    Setting {
        name: JSON_SECURITY,
        kind: Kind::Boolean,
        default: "true",
        editor: Editor::Admin,
        description: "Whether access requests need a token signed with an uploaded licensing key",
    },
    Setting {
        name: REQUIRE_EXP,
        kind: Kind::Boolean,
        default: "true",
        editor: Editor::Admin,
        description: "Whether such tokens must expire; false takes tokens of older clients, which \
                      are good until their key is deleted",
    },
    Setting {
        name: SIGNING_ALGORITHM,
        kind: Kind::Choice(&SIGNING_ALGORITHMS),
        default: "EdDSA",
        editor: Editor::Admin,
        description: "How signed answers are signed: EdDSA is fast, RS256 for clients that know \
                      nothing else",
    },
    Setting {
        name: TRACK_DENIED,
        kind: Kind::Boolean,
        default: "true",
        editor: Editor::Admin,
        description: "Whether denied requests are kept with their reason",
    },
    Setting {
        name: ANONYMOUS,
        kind: Kind::Boolean,
        default: "false",
        editor: Editor::Admin,
        description: "Whether everybody may read what ROLE_READ allows, without credentials",
    },
    Setting {
        name: HTTP_AUTH,
        kind: Kind::Boolean,
        default: "true",
        editor: Editor::Admin,
        description: "Whether credentials are taken over plain HTTP; false asks for HTTPS",
    },
    Setting {
        name: TOKEN_DURATION,
        kind: Kind::Duration { min_ms: MINUTE_MS, max_ms: 365 * DAY_MS, or_none: false },
        default: "1d",
        editor: Editor::Admin,
        description: "How long a token from authorize is good",
    },
];

impl Setting {
    /// The setting of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// # Errors
    /// What values are allowed.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        let is_allowed = match self.kind {
            Kind::Boolean => matches!(value, "true" | "false"),
            Kind::Integer { min, max } => {
                whole_number(value).is_some_and(|number| (min..=max).contains(&number))
            }
            Kind::Duration { min_ms, max_ms, or_none } => match duration_ms(value) {
                Some(duration_ms) => (min_ms..=max_ms).contains(&duration_ms),
                None => or_none && value == NONE,
            },
            Kind::Choice(choices) => choices.contains(&value),
        };
        if is_allowed { Ok(()) } else { Err(self.kind.allowed()) }
    }
}

impl Kind {
    /// What values are allowed, to go on after a setting's name.
    pub(crate) fn allowed(self) -> String {
        match self {
            Self::Boolean => "must be true or false".to_owned(),
            Self::Integer { min, max } => format!("must be a whole number from {min} to {max}"),
            Self::Duration { min_ms, max_ms, or_none } => {
                let none = if or_none { ", or none" } else { "" };
                format!(
                    "must be a whole number with s, m, h, d or w behind it (seconds without), \
                     from {} to {}{none}",
                    Interval(min_ms),
                    Interval(max_ms)
                )
            }
            Self::Choice(choices) => format!("must be one of {}", choices.join(", ")),
        }
    }
}

/// Milliseconds of an interval; `None` if it is none or too large.
pub(crate) fn duration_ms(text: &str) -> Option<i64> {
    text.parse().ok().map(|Interval(duration_ms)| duration_ms)
}

fn whole_number(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// What the settings of all instances mean for who may call; never changes, a change makes a new
/// one.
#[derive(Debug, Default)]
pub(crate) struct InstanceSettings {
    by_id: HashMap<Uuid, SecurityPolicies>,
    default: SecurityPolicies,
}

impl InstanceSettings {
    pub(crate) fn of(&self, id: Uuid) -> SecurityPolicies {
        self.by_id.get(&id).copied().unwrap_or(self.default)
    }
}

/// Reads what is stored. A value that cannot be (it was checked when it came, so its row is
/// damaged) counts as the default and is logged, so that everything else goes on working.
pub(crate) fn read(
    rows: &[InstanceSettingRow],
) -> (HashMap<InstanceId, Policies>, InstanceSettings) {
    let mut policies: HashMap<InstanceId, Policies> = HashMap::new();
    let mut settings = InstanceSettings::default();
    for row in rows {
        let of_decisions = policies.entry(InstanceId(row.instance_id)).or_default();
        let of_callers = settings.by_id.entry(row.instance_id).or_default();
        if !apply(&row.name, &row.value, of_decisions, of_callers) {
            let (instance, name) = (row.instance_id, row.name.as_str());
            tracing::error!(%instance, name, "a stored setting cannot be read");
        }
    }
    (policies, settings)
}

/// Whether there is such a setting with such a value.
fn apply(
    name: &str,
    value: &str,
    policies: &mut Policies,
    security: &mut SecurityPolicies,
) -> bool {
    let is_sound = match Setting::named(name) {
        Some(setting) => setting.check(value).is_ok(),
        None => name == SUSPENDED || is_of_rights(name),
    };
    if !is_sound {
        return false;
    }
    let is_true = value == "true";
    match name {
        // Nothing is decided by these.
        name if is_of_rights(name) => {}
        SUSPENDED => policies.is_suspended = is_true,
        BORROW_INTERVAL_MAX => policies.borrow_interval_max_ms = duration_ms(value),
        GRANULARITY => policies.granularity = granularity(value),
        VIRTUAL_CLIENTS => policies.allows_virtual_clients = is_true,
        TRACK_DENIED => policies.tracks_denied_requests = is_true,
        JSON_SECURITY => security.json_security = is_true,
        REQUIRE_EXP => security.requires_exp = is_true,
        ANONYMOUS => security.anonymous_reads = is_true,
        HTTP_AUTH => security.plain_http = is_true,
        SIGNING_ALGORITHM => {
            security.signing_algorithm = value.parse().unwrap_or(SigningAlgorithm::EdDsa);
        }
        BORROW_INTERVAL => {
            policies.borrow_interval_ms = duration_ms(value).unwrap_or(policies.borrow_interval_ms);
        }
        RENEW_INTERVAL => {
            policies.renew_percent = value.parse().unwrap_or(policies.renew_percent);
        }
        TOKEN_DURATION => {
            security.token_ttl_ms = duration_ms(value).unwrap_or(security.token_ttl_ms);
        }
        _ => return false,
    }
    true
}

fn is_of_rights(name: &str) -> bool {
    matches!(
        name,
        RIGHTS_GENERATION | RIGHTS_SOURCE | RIGHTS_DIGEST | RIGHTS_TRUST | RIGHTS_TRUST_GIVEN
    )
}

fn granularity(text: &str) -> Granularity {
    match text {
        "MINUTE" => Granularity::Minute,
        "HOUR" => Granularity::Hour,
        "DAY" => Granularity::Day,
        _ => Granularity::Second,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Uuid = Uuid::from_u128(1);
    const WEEK_MS: i64 = 7 * DAY_MS;

    fn row(name: &str, value: &str) -> InstanceSettingRow {
        InstanceSettingRow {
            instance_id: ONE,
            name: name.into(),
            value: value.into(),
            modified_ms: 0,
            updated_by: String::new(),
        }
    }

    #[test]
    fn durations_have_a_unit_or_are_seconds() {
        for (text, expected_ms) in [
            ("0", 0),
            ("90", 90_000),
            ("60s", 60_000),
            ("1m", 60_000),
            ("8h", 8 * HOUR_MS),
            ("3d", 3 * DAY_MS),
            ("1w", WEEK_MS),
        ] {
            assert_eq!(duration_ms(text), Some(expected_ms), "{text}");
        }
        for text in ["", "w", "1y", "-1s", "1.5h", "1 h", "1H", "h1", "ü", "9223372036854775807w"]
        {
            assert_eq!(duration_ms(text), None, "{text}");
        }
    }

    #[test]
    fn the_defaults_are_allowed_and_are_what_counts_without_a_setting() {
        let rows: Vec<_> = SETTINGS.iter().map(|it| row(it.name, it.default)).collect();
        for setting in &SETTINGS {
            assert_eq!(setting.check(setting.default), Ok(()), "{}", setting.name);
        }
        let (policies, settings) = read(&rows);
        assert_eq!(policies[&InstanceId(ONE)], Policies::default());
        assert_eq!(settings.of(ONE), settings.of(Uuid::from_u128(2)));
        assert!(SETTINGS.is_sorted_by_key(|setting| setting.name));
    }

    #[test]
    fn every_setting_means_something() {
        for (name, value) in [
            (BORROW_INTERVAL, "2d"),
            (BORROW_INTERVAL_MAX, "8h"),
            (RENEW_INTERVAL, "50"),
            (GRANULARITY, "DAY"),
            (VIRTUAL_CLIENTS, "false"),
            (TRACK_DENIED, "false"),
            (JSON_SECURITY, "false"),
            (REQUIRE_EXP, "false"),
            (ANONYMOUS, "true"),
            (TOKEN_DURATION, "2h"),
            (HTTP_AUTH, "false"),
            (SUSPENDED, "true"),
        ] {
            let (policies, settings) = read(&[row(name, value)]);
            let is_default = policies[&InstanceId(ONE)] == Policies::default()
                && settings.of(ONE) == SecurityPolicies::default();
            assert!(!is_default, "{name}");
        }
    }

    #[test]
    fn a_damaged_row_counts_as_the_default() {
        let (policies, settings) =
            read(&[row(RENEW_INTERVAL, "many"), row("unheard.of", "1"), row(ANONYMOUS, "true")]);
        assert_eq!(policies[&InstanceId(ONE)], Policies::default());
        assert!(settings.of(ONE).anonymous_reads);
    }

    #[test]
    fn what_is_not_allowed_is_told_with_what_is() {
        let told = |name: &str, value: &str| Setting::named(name).unwrap().check(value);
        let mistake = told(BORROW_INTERVAL_MAX, "0").unwrap_err();
        assert!(mistake.ends_with("from 1s to 3650d, or none"), "{mistake}");
        assert_eq!(told(BORROW_INTERVAL_MAX, "none"), Ok(()));
        assert!(told(BORROW_INTERVAL, "none").is_err());
        assert_eq!(
            told(RENEW_INTERVAL, "101").unwrap_err(),
            Kind::Integer { min: 0, max: 100 }.allowed()
        );
        assert!(told(GRANULARITY, "day").unwrap_err().contains("SECOND, MINUTE, HOUR, DAY"));
        assert!(told(ANONYMOUS, "1").is_err());
    }
}
