//! How ids are written into columns.

use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};
use uuid::{Uuid, fmt::Hyphenated};

/// An id as canonical lower-case text, for the tables that people read.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextId([u8; Hyphenated::LENGTH]);

impl From<Uuid> for TextId {
    fn from(id: Uuid) -> Self {
        let mut text = [0; Hyphenated::LENGTH];
        id.hyphenated().encode_lower(&mut text);
        Self(text)
    }
}

impl ToSql for TextId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(&self.0)))
    }
}

/// An id read from a column, in either way of writing it.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnyId(pub(super) Uuid);

impl FromSql for AnyId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let id = match value {
            ValueRef::Text(text) => Uuid::try_parse_ascii(text),
            ValueRef::Blob(bytes) => Uuid::from_slice(bytes),
            _ => return Err(FromSqlError::InvalidType),
        };
        id.map(Self).map_err(FromSqlError::other)
    }
}

/// A count or place as SQLite keeps it; it has signed integers only.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The way back from [`signed`]; a negative number is not one that the store wrote.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A row limit as SQLite takes it.
pub(super) fn row_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
