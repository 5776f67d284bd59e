use uuid::Uuid;

/// Place of a group in the journal; zero is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

/// Where an instance's journal stands: how many sections it has and the hash of the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    pub seq: u64,
    pub hash: [u8; 32],
}

/// Records of one instance that shall become durable together.
#[derive(Debug, Clone)]
pub struct Append {
    pub instance_id: Uuid,
    /// The head that the records were decided on.
    pub expected: Head,
    /// Hash of the new section; the caller chains it to `expected.hash`.
    pub hash: [u8; 32],
    /// Time of the newest record, POSIX milliseconds.
    pub at_ms: i64,
    /// Next moment at which the instance must act by itself.
    pub wake_at_ms: Option<i64>,
    /// Encoded records; opaque to the store.
    pub records: Vec<u8>,
}

/// What one [`Append`] became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub instance_id: Uuid,
    /// 1 for the first section of an instance, without gaps after it.
    pub seq: u64,
    /// Hash of the section before, zeros for the first.
    pub previous_hash: [u8; 32],
    pub hash: [u8; 32],
    pub at_ms: i64,
    pub wake_at_ms: Option<i64>,
    pub records: Vec<u8>,
}

/// Sections that were made durable in one transaction.
#[derive(Debug, Clone)]
pub struct Group {
    pub position: Position,
    pub sections: Vec<Section>,
}

/// The state of an instance after the section `head`, encoded by the engine.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub instance_id: Uuid,
    pub head: Head,
    pub body: Vec<u8>,
}

/// What is needed to have an instance in memory.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    pub snapshot: Option<Snapshot>,
    /// Sections after the snapshot, oldest first.
    pub tail: Vec<Section>,
}
