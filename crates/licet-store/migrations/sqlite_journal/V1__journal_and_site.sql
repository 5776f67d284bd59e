-- journal.db holds the truth: the journal of every instance, and what belongs to the site.
-- Times are POSIX milliseconds UTC. Ids are canonical lower-case text, so that they can be read
-- and typed by hand.

-- Names this journal, so that a projection of another one is noticed.
CREATE TABLE identity (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    journal_id TEXT NOT NULL
) STRICT;

-- One row for each commit of appends. The layout of `body` is described in src/sqlite/group.rs.
-- Positions ascend by one, without gaps.
CREATE TABLE journal (
    position INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- Written and emptied again to find out whether a disk that was full takes commits. Otherwise
-- empty.
CREATE TABLE probe (
    filler BLOB NOT NULL
) STRICT;

CREATE TABLE instance (
    row_number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    short_name TEXT NOT NULL,
    account_id TEXT NOT NULL,
    is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
    created_ms INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    UNIQUE (account_id, short_name)
) STRICT;

CREATE UNIQUE INDEX instance_one_default ON instance (account_id) WHERE is_default = 1;

CREATE TABLE rate_table (
    series TEXT NOT NULL,
    version TEXT NOT NULL,
    effective_from_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    items TEXT NOT NULL,
    PRIMARY KEY (series, version)
) STRICT;

CREATE TABLE access_key (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('administration', 'client')),
    pem TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys of the site that sign its answers. The private half is sealed under the master key, which is
-- not in this file; it is gone when the key signs no more.
CREATE TABLE signing_key (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL CHECK (algorithm IN ('EdDSA', 'RS256')),
    sealed_private_key BLOB,
    public_jwk TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    activates_ms INTEGER NOT NULL,
    retires_ms INTEGER,
    expires_ms INTEGER,
    CHECK ((retires_ms IS NULL) = (expires_ms IS NULL)),
    CHECK (sealed_private_key IS NOT NULL OR retires_ms IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    modified_ms INTEGER NOT NULL,
    updated_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE user (
    name TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    account_id TEXT,
    disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    created_ms INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Only the hash of a token is kept: who reads this file cannot use it.
CREATE TABLE token (
    hash BLOB PRIMARY KEY,
    user TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX token_by_user ON token (user);
CREATE INDEX token_by_expiry ON token (expires_ms);

-- Accounts of the licence server of an instance. Roles are separated by commas.
CREATE TABLE instance_user (
    instance_id TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    roles TEXT NOT NULL,
    disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    created_ms INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    PRIMARY KEY (instance_id, name)
) STRICT, WITHOUT ROWID;

-- The account that the producer has on every instance, if there is one.
CREATE TABLE producer_user (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    modified_ms INTEGER NOT NULL,
    updated_by TEXT NOT NULL
) STRICT;

CREATE TABLE instance_token (
    hash BLOB PRIMARY KEY,
    instance_id TEXT NOT NULL,
    user TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX instance_token_by_user ON instance_token (user, instance_id);
CREATE INDEX instance_token_by_expiry ON instance_token (expires_ms);

-- Settings of an instance that were changed from their default.
CREATE TABLE instance_setting (
    instance_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    modified_ms INTEGER NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (instance_id, name)
) STRICT, WITHOUT ROWID;

-- Public keys that verify the tokens of an instance's clients; SubjectPublicKeyInfo in DER.
CREATE TABLE licensing_key (
    instance_id TEXT NOT NULL,
    kid TEXT NOT NULL,
    der BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (instance_id, kid)
) STRICT, WITHOUT ROWID;

-- Changes of the site. Changes of instances are derived and stand in the projection; the ids of
-- both make one order (src/sqlite/audit.rs).
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
