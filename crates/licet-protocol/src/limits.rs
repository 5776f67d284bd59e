//! How much a stranger may send. Each limit is inclusive.

/// Bytes of a request's body.
pub const BODY_BYTES: usize = 1 << 20;
/// Levels of objects and arrays in a body.
pub const NESTING: usize = 32;
/// Characters of a name, an id, a value.
pub const TEXT_CHARS: usize = 256;
/// Bytes of the `metaData` of an item, as sent.
pub const META_DATA_BYTES: usize = 16 << 10;
/// Items of an access request.
pub const REQUESTED_ITEMS: usize = 1_000;
/// Features of a request for features.
pub const REQUESTED_FEATURES: usize = 1_000;
/// Features of a line item.
pub const FEATURES: usize = 1_000;
/// Hostids of a client beside its own.
pub const SECONDARY_HOST_IDS: usize = 16;
/// Access requests of one array.
pub const ACCESS_REQUESTS: usize = 1_000;
/// Keys of a requester's dictionary.
pub const DICTIONARY_KEYS: usize = 100;
/// Values of one key of a requester's dictionary.
pub const DICTIONARY_VALUES: usize = 100;
/// Variables of an item, for its formula.
pub const VARIABLES: usize = 100;
/// Items of a rate table.
pub const RATE_ITEMS: usize = 10_000;
/// Characters of a formula.
pub const FORMULA_CHARS: usize = 1_000;
/// Conditions of one request.
pub const CONDITIONS: usize = 1_000;
/// Values that a condition names.
pub const CONDITION_VALUES: usize = 1_000;
/// Levels of conditions within a condition.
pub const CONDITION_NESTING: usize = 8;
/// Actions of a line item.
pub const ACTIONS: usize = 1_000;
/// Keys of one upload.
pub const KEYS: usize = 100;
/// Characters of a public key in PEM.
pub const PEM_CHARS: usize = 16 << 10;
/// Characters of a signed document in its compact form.
pub const SIGNED_DOCUMENT_CHARS: usize = 2 << 20;
/// Changes of settings in one request.
pub const CONFIGURATION_CHANGES: usize = 100;
/// Settings of an instance in one request.
pub const INSTANCE_SETTINGS: usize = 100;
/// Roles of a user of an instance in one request.
pub const INSTANCE_ROLES: usize = 16;
/// Reservations of one posting.
pub const RESERVATIONS: usize = 1_000;
/// Entries of a reservation.
pub const RESERVATION_ENTRIES: usize = 100;
/// Characters of a password.
pub const PASSWORD_CHARS: usize = 256;
/// Characters of an `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_CHARS: usize = 255;
/// Largest whole number of tokens that an amount can hold.
pub const WHOLE_TOKENS: i64 = i64::MAX / licet_core::MICROS;
/// 9999-12-31T23:59:59.999Z, by which the field means "never".
pub const LAST_MILLISECOND: i64 = 253_402_300_799_999;
