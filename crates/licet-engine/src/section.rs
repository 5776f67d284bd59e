//! Sections of a journal: how they are chained, and how an instance is read back from them.

use licet_core::{DecodeError, Instance, Record};
use licet_store::{Append, Head, Loaded, Section, StoreError};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Hash of a section: of the hash before it, its place and its records.
#[must_use]
pub fn section_hash(instance_id: Uuid, previous: &Head, at_ms: i64, records: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(previous.hash);
    hasher.update(instance_id.as_bytes());
    hasher.update((previous.seq + 1).to_le_bytes());
    hasher.update(at_ms.to_le_bytes());
    hasher.update(records);
    hasher.finalize().into()
}

/// Packs the records of one group for the store.
pub(crate) fn append(
    instance_id: Uuid,
    head: Head,
    instance: &Instance,
    records: &[Record],
) -> Append {
    let at_ms = records.iter().map(Record::at_ms).max().unwrap_or_default();
    let bytes = Record::encode_all(records);
    Append {
        instance_id,
        expected: head,
        hash: section_hash(instance_id, &head, at_ms, &bytes),
        at_ms,
        wake_at_ms: instance.wakes_at_ms(),
        records: bytes,
    }
}

/// The head after a section that must follow `head`.
///
/// # Errors
/// [`StoreError::Damaged`] if it does not: a section is missing, changed or out of place.
pub fn follow(head: &Head, section: &Section) -> Result<Head, StoreError> {
    let hash = section_hash(section.instance_id, head, section.at_ms, &section.records);
    let fits =
        section.seq == head.seq + 1 && section.previous_hash == head.hash && section.hash == hash;
    if fits {
        Ok(Head { seq: section.seq, hash })
    } else {
        let (instance_id, seq) = (section.instance_id, section.seq);
        let text = format!("section {seq} of instance {instance_id} breaks the chain");
        Err(StoreError::Damaged(text))
    }
}

/// Reads the records of a section.
///
/// # Errors
/// [`StoreError::Damaged`]
pub fn records(section: &Section) -> Result<Vec<Record>, StoreError> {
    Record::decode_all(&section.records).map_err(damaged)
}

/// The state and head that a snapshot and the sections after it make.
pub(crate) fn restore(loaded: &Loaded) -> Result<(Instance, Head), StoreError> {
    let (mut instance, mut head) = match &loaded.snapshot {
        Some(snapshot) => {
            (Instance::from_snapshot(&snapshot.body).map_err(damaged)?, snapshot.head)
        }
        None => (Instance::default(), Head::default()),
    };
    for section in &loaded.tail {
        head = follow(&head, section)?;
        for record in records(section)? {
            instance.fold(&record);
        }
    }
    Ok((instance, head))
}

pub(crate) fn damaged(error: DecodeError) -> StoreError {
    StoreError::Damaged(error.to_string())
}
