//! What each record means for the tables: pure mapping from journal sections to rows.

mod audit;
mod by_names;
mod counts;
mod part;

use std::collections::hash_map::Entry;

use licet_core::InstanceId;
use licet_store::{
    AuditRow, ConsumerBlock, Head, HeadRow, Position, Projection, Section, StoreError,
};

use self::{audit::audit_row, part::Part};
use crate::{by_id::ById, section::records};

/// One step of the projector being gathered.
#[derive(Debug)]
pub(crate) struct Step {
    from: Position,
    to: Position,
    parts: ById<Part>,
    audit: Vec<AuditRow>,
    bytes: usize,
}

impl Step {
    /// A step from this place on, with nothing in it.
    pub(crate) fn new(from: Position) -> Self {
        Self { from, to: from, parts: ById::default(), audit: Vec::new(), bytes: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// The place up to which all groups were taken in.
    pub(crate) fn reached(&self) -> Position {
        self.to
    }

    /// Says that all sections of the groups up to this place were taken in.
    pub(crate) fn reach(&mut self, to: Position) {
        self.to = to;
    }

    /// Roughly the bytes that it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a section of this instance was taken in before, so that its account is known.
    pub(crate) fn knows(&self, instance_id: InstanceId) -> bool {
        self.parts.contains_key(&instance_id)
    }

    /// Takes in a section of the group at `position`. The account is read for an instance that the
    /// step does not know.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if its records cannot be read; nothing of it is taken in then.
    pub(crate) fn take(
        &mut self,
        position: Position,
        section: &Section,
        account_id: &str,
        write_time_ms: i64,
    ) -> Result<(), StoreError> {
        let records = records(section)?;
        let instance_id = section.instance_id;
        let head = HeadRow {
            instance_id,
            head: Head { seq: section.seq, hash: section.hash },
            position,
            wake_at_ms: section.wake_at_ms,
        };
        let mut bytes_before = 0;
        let part = match self.parts.entry(InstanceId(instance_id)) {
            Entry::Occupied(part) => {
                let part = part.into_mut();
                bytes_before = part.bytes();
                part.head = head;
                part
            }
            Entry::Vacant(place) => place.insert(Part::new(head, account_id)),
        };
        for record in &records {
            self.audit.extend(audit_row(instance_id, record));
            part.record(record, write_time_ms);
        }
        self.bytes += part.bytes() - bytes_before;
        Ok(())
    }

    /// The rows, in the order of the tables' keys.
    pub(crate) fn finish(self) -> Projection {
        let (from, to, audit) = (self.from, self.to, self.audit);
        let mut projection = Projection { from, to, audit, ..Projection::default() };
        let mut parts: Vec<_> = self.parts.into_iter().collect();
        parts.sort_unstable_by_key(|(instance_id, _)| *instance_id);
        for (_, part) in parts {
            part.finish_into(&mut projection);
        }
        projection.rollups.sort_by_key(|row| (row.span, row.starts_at_ms));
        projection.consumers.sort_by_key(ConsumerBlock::starts_at_ms);
        projection
    }
}
