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
