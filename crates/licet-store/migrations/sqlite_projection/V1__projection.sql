-- projection.db is derived from the journal. It may be deleted while no server runs; it is then
-- made again from the journal.
--
-- People read roll-ups, line items, sessions and audit with their own SQL, so every id in them is
-- canonical lower-case text (which sorts as the bytes do). `head`, `snapshot`, `usage_block` and
-- `consumer_block` are the store's own: they keep ids as 16 bytes and packed bodies. Usage rows and
-- consumers are read through the reports and exports.
-- Times are POSIX milliseconds UTC; amounts are millionths of a token or unit.

-- Place up to which the journal is projected, and which journal that is.
CREATE TABLE progress (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    position INTEGER NOT NULL,
    journal_id TEXT NOT NULL
) STRICT;

CREATE TABLE head (
    instance_id BLOB PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    position INTEGER NOT NULL,
    wake_at_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX head_to_wake ON head (wake_at_ms) WHERE wake_at_ms IS NOT NULL;

CREATE TABLE snapshot (
    instance_id BLOB PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- Usage rows of an instance, packed (src/usage_block.rs). Their row ids count on from the first.
CREATE TABLE usage_block (
    first_row_id INTEGER PRIMARY KEY,
    instance_id BLOB NOT NULL,
    account_id TEXT NOT NULL,
    rows INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- An index entry ends with the row id, so one instance's rows are walked in the report's order.
-- There is none by time: rows are written nearly in order of time, and `usage_hour` says exactly
-- between which row ids an hour lies, at the cost of one small row an hour.
CREATE INDEX usage_block_by_instance ON usage_block (instance_id);

CREATE TABLE usage_hour (
    starts_at_ms INTEGER PRIMARY KEY,
    first_row_id INTEGER NOT NULL,
    last_row_id INTEGER NOT NULL
) STRICT;

-- Which instances an account has in the tables here: a report for an account walks their rows.
CREATE TABLE account_instance (
    account_id TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    PRIMARY KEY (account_id, instance_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollup (
    span TEXT NOT NULL CHECK (span IN ('hour', 'day')),
    starts_at_ms INTEGER NOT NULL,
    instance_id TEXT NOT NULL,
    item TEXT NOT NULL,
    item_version TEXT NOT NULL,
    account_id TEXT NOT NULL,
    tokens_charged INTEGER NOT NULL,
    tokens_refunded INTEGER NOT NULL,
    units INTEGER NOT NULL,
    granted INTEGER NOT NULL,
    denied INTEGER NOT NULL,
    PRIMARY KEY (span, starts_at_ms, instance_id, item, item_version)
) STRICT, WITHOUT ROWID;

-- Consumers of an instance on a day, packed (src/consumer_block.rs); those of a meter also by quarter
-- of an hour. The meter is empty for all that is priced in tokens. The blocks of a key add up.
CREATE TABLE consumer_block (
    span TEXT NOT NULL CHECK (span IN ('quarter', 'day')),
    starts_at_ms INTEGER NOT NULL,
    instance_id BLOB NOT NULL,
    meter TEXT NOT NULL,
    number INTEGER NOT NULL,
    account_id TEXT NOT NULL,
    consumers INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (span, starts_at_ms, instance_id, meter, number)
) STRICT, WITHOUT ROWID;

-- What was used of the features of an instance, by name; counts are whole. Days of all zones begin
-- with a quarter of an hour UTC, so any calendar can be cut out of these. `in_use` is at the end of
-- the span, NULL if nothing that is held was touched.
CREATE TABLE meter_usage (
    span TEXT NOT NULL CHECK (span IN ('quarter', 'day')),
    starts_at_ms INTEGER NOT NULL,
    instance_id TEXT NOT NULL,
    meter TEXT NOT NULL,
    account_id TEXT NOT NULL,
    units INTEGER NOT NULL,
    granted INTEGER NOT NULL,
    denied INTEGER NOT NULL,
    peak INTEGER NOT NULL,
    in_use INTEGER,
    PRIMARY KEY (span, starts_at_ms, instance_id, meter)
) STRICT, WITHOUT ROWID;

-- The way back to when something changed last.
CREATE INDEX meter_usage_by_meter ON meter_usage (instance_id, meter, starts_at_ms)
    WHERE span = 'day';

CREATE TABLE meter_denial (
    span TEXT NOT NULL CHECK (span IN ('quarter', 'day')),
    starts_at_ms INTEGER NOT NULL,
    instance_id TEXT NOT NULL,
    meter TEXT NOT NULL,
    reason TEXT NOT NULL,
    account_id TEXT NOT NULL,
    denied INTEGER NOT NULL,
    PRIMARY KEY (span, starts_at_ms, instance_id, meter, reason)
) STRICT, WITHOUT ROWID;

-- Which meters an instance has in the tables above.
CREATE TABLE meter (
    instance_id TEXT NOT NULL,
    meter TEXT NOT NULL,
    account_id TEXT NOT NULL,
    PRIMARY KEY (instance_id, meter)
) STRICT, WITHOUT ROWID;

CREATE TABLE line_item (
    instance_id TEXT NOT NULL,
    activation_id TEXT NOT NULL,
    state TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    used INTEGER NOT NULL,
    starts_at_ms INTEGER NOT NULL,
    ends_at_ms INTEGER NOT NULL,
    rate_table_series TEXT NOT NULL,
    PRIMARY KEY (instance_id, activation_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    session_id TEXT PRIMARY KEY,
    instance_id TEXT NOT NULL,
    state TEXT NOT NULL,
    opened_at_ms INTEGER NOT NULL,
    charged_until_ms INTEGER,
    ended_at_ms INTEGER,
    end_reason TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX session_by_instance ON session (instance_id, opened_at_ms);
CREATE INDEX session_by_time ON session (opened_at_ms);

-- Changes of instances; the site's stand in journal.db (src/sqlite/audit.rs).
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    before TEXT,
    after TEXT,
    request_id TEXT NOT NULL
) STRICT;
