-- All tables of a site that several licet processes share.
-- Times are POSIX milliseconds UTC; amounts are millionths of a token or unit. What is compared as
-- text is compared byte by byte, whatever the database's locale.

-- Names this journal, and says what is added to a transaction's id to get its position: a journal
-- that was moved into another cluster goes on above the positions that stand.
CREATE TABLE identity (
    one integer PRIMARY KEY CHECK (one = 1),
    journal_id text NOT NULL,
    position_offset bigint NOT NULL
);

-- Where each instance's journal stands, and where its last two sections are. The truth for who may
-- append next. Section zero means that there is no journal. No index but the key, and room in every
-- page, so that moving a head touches one page.
CREATE TABLE head (
    instance_id uuid PRIMARY KEY,
    seq bigint NOT NULL DEFAULT 0,
    position bigint NOT NULL DEFAULT 0,
    previous_position bigint NOT NULL DEFAULT 0,
    hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
) WITH (fillfactor = 50);

-- One row for each transaction that appended: the sections of its instances, and for each the
-- position of the instance's section before it, zero for none. So an instance's sections are found
-- from its head backwards, and no index has to be written for them. src/section.rs says what the
-- bytes of a section mean.
CREATE TABLE journal (
    position bigint PRIMARY KEY,
    instance_ids uuid[] NOT NULL,
    previous_positions bigint[] NOT NULL,
    sections bytea[] NOT NULL
);

-- Appending must not wait for compression, nor write to a second table what fits into a page.
ALTER TABLE journal ALTER COLUMN sections SET STORAGE EXTERNAL;
ALTER TABLE journal SET (toast_tuple_target = 8160);

CREATE TABLE instance (
    row_number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    short_name text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    is_default boolean NOT NULL,
    created_ms bigint NOT NULL,
    modified_ms bigint NOT NULL,
    UNIQUE (account_id, short_name)
);

CREATE UNIQUE INDEX instance_one_default ON instance (account_id) WHERE is_default;

CREATE TABLE rate_table (
    series text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    effective_from_ms bigint NOT NULL,
    created_ms bigint NOT NULL,
    items text NOT NULL,
    PRIMARY KEY (series, version)
);

CREATE TABLE access_key (
    id text COLLATE "C" PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('administration', 'client')),
    pem text NOT NULL,
    created_ms bigint NOT NULL,
    modified_ms bigint NOT NULL
);

-- Keys of the site that sign its answers. The private half is sealed under the master key, which is
-- not in this database; it is gone when the key signs no more.
CREATE TABLE signing_key (
    kid text COLLATE "C" PRIMARY KEY,
    algorithm text NOT NULL CHECK (algorithm IN ('EdDSA', 'RS256')),
    sealed_private_key bytea,
    public_jwk text NOT NULL,
    created_ms bigint NOT NULL,
    activates_ms bigint NOT NULL,
    retires_ms bigint,
    expires_ms bigint,
    CHECK ((retires_ms IS NULL) = (expires_ms IS NULL)),
    CHECK (sealed_private_key IS NOT NULL OR retires_ms IS NOT NULL)
);

CREATE TABLE setting (
    name text COLLATE "C" PRIMARY KEY,
    value text NOT NULL,
    modified_ms bigint NOT NULL,
    updated_by text NOT NULL
);

CREATE TABLE site_user (
    name text COLLATE "C" PRIMARY KEY,
    password_hash text NOT NULL,
    role text NOT NULL,
    account_id text COLLATE "C",
    disabled boolean NOT NULL,
    created_ms bigint NOT NULL,
    modified_ms bigint NOT NULL
);

-- Only the hash of a token is kept: who reads this table cannot use it.
CREATE TABLE token (
    hash bytea PRIMARY KEY,
    site_user text COLLATE "C" NOT NULL,
    created_ms bigint NOT NULL,
    expires_ms bigint NOT NULL
);

CREATE INDEX token_by_user ON token (site_user);
CREATE INDEX token_by_expiry ON token (expires_ms);

-- Accounts of the licence server of an instance. Roles are separated by commas.
CREATE TABLE instance_user (
    instance_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    password_hash text NOT NULL,
    roles text NOT NULL,
    disabled boolean NOT NULL,
    created_ms bigint NOT NULL,
    modified_ms bigint NOT NULL,
    PRIMARY KEY (instance_id, name)
);

-- The account that the producer has on every instance, if there is one.
CREATE TABLE producer_user (
    one integer PRIMARY KEY CHECK (one = 1),
    name text COLLATE "C" NOT NULL,
    password_hash text NOT NULL,
    enabled boolean NOT NULL,
    modified_ms bigint NOT NULL,
    updated_by text NOT NULL
);

CREATE TABLE instance_token (
    hash bytea PRIMARY KEY,
    instance_id uuid NOT NULL,
    user_name text COLLATE "C" NOT NULL,
    created_ms bigint NOT NULL,
    expires_ms bigint NOT NULL
);

CREATE INDEX instance_token_by_user ON instance_token (user_name, instance_id);
CREATE INDEX instance_token_by_expiry ON instance_token (expires_ms);

-- Settings of an instance that were changed from their default.
CREATE TABLE instance_setting (
    instance_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    value text NOT NULL,
    modified_ms bigint NOT NULL,
    updated_by text NOT NULL,
    PRIMARY KEY (instance_id, name)
);

-- Public keys that verify the tokens of an instance's clients; SubjectPublicKeyInfo in DER.
CREATE TABLE licensing_key (
    instance_id uuid NOT NULL,
    kid text COLLATE "C" NOT NULL,
    der bytea NOT NULL,
    created_ms bigint NOT NULL,
    PRIMARY KEY (instance_id, kid)
);

-- Changes of the site (even ids) and of instances (odd ids, derived); src/audit_id.rs says what
-- an id is made of.
CREATE TABLE audit (
    id bigint PRIMARY KEY,
    at_ms bigint NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    object text NOT NULL,
    before text,
    after text,
    request_id text NOT NULL
);

-- From here on everything is derived from the journal.

-- Place up to which the journal is projected.
CREATE TABLE progress (
    one integer PRIMARY KEY CHECK (one = 1),
    position bigint NOT NULL
);

INSERT INTO progress (one, position) VALUES (1, 0);

-- Where each instance's journal stood at that place, and when the instance must act by itself.
CREATE TABLE projected_head (
    instance_id uuid PRIMARY KEY,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    position bigint NOT NULL,
    wake_at_ms bigint
) WITH (fillfactor = 50);

CREATE INDEX projected_head_to_wake ON projected_head (wake_at_ms, instance_id)
    WHERE wake_at_ms IS NOT NULL;

CREATE TABLE snapshot (
    instance_id uuid PRIMARY KEY,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    body bytea NOT NULL
);

-- Usage rows of an instance, packed (src/usage_block.rs). Their row ids count on from the first.
-- They are read through the reports and exports; people read roll-ups, line items, sessions and
-- audit with their own SQL.
CREATE TABLE usage_block (
    first_row_id bigint PRIMARY KEY,
    instance_id uuid NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    rows bigint NOT NULL,
    first_ms bigint NOT NULL,
    last_ms bigint NOT NULL,
    body bytea NOT NULL
);

-- What is packed is not compressed again.
ALTER TABLE usage_block ALTER COLUMN body SET STORAGE EXTERNAL;

-- There is no index by time: rows are written nearly in order of time, and `usage_hour` says
-- exactly between which row ids an hour lies, at the cost of one small row an hour.
CREATE INDEX usage_block_by_instance ON usage_block (instance_id, first_row_id);

CREATE TABLE usage_hour (
    starts_at_ms bigint PRIMARY KEY,
    first_row_id bigint NOT NULL,
    last_row_id bigint NOT NULL
);

-- Which instances an account has in the tables here: a report for an account walks their rows.
CREATE TABLE account_instance (
    account_id text COLLATE "C" NOT NULL,
    instance_id uuid NOT NULL,
    PRIMARY KEY (account_id, instance_id)
);

CREATE TABLE rollup (
    span text COLLATE "C" NOT NULL CHECK (span IN ('hour', 'day')),
    starts_at_ms bigint NOT NULL,
    instance_id uuid NOT NULL,
    item text COLLATE "C" NOT NULL,
    item_version text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    tokens_charged bigint NOT NULL,
    tokens_refunded bigint NOT NULL,
    units bigint NOT NULL,
    granted bigint NOT NULL,
    denied bigint NOT NULL,
    PRIMARY KEY (span, starts_at_ms, instance_id, item, item_version)
) WITH (fillfactor = 70);

-- Sums change in place, so this index is written once for each row.
CREATE INDEX rollup_by_instance ON rollup (instance_id, span, starts_at_ms);

-- Consumers of an instance on a day, packed (src/consumer_block.rs); those of a meter also by quarter
-- of an hour. The meter is empty for all that is priced in tokens. The blocks of a key add up.
CREATE TABLE consumer_block (
    span text COLLATE "C" NOT NULL CHECK (span IN ('quarter', 'day')),
    starts_at_ms bigint NOT NULL,
    instance_id uuid NOT NULL,
    meter text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    consumers bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (span, starts_at_ms, instance_id, meter, number)
);

ALTER TABLE consumer_block ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE INDEX consumer_block_by_instance ON consumer_block (instance_id, span, starts_at_ms);

-- What was used of the features of an instance, by name; counts are whole. Days of all zones begin
-- with a quarter of an hour UTC, so any calendar can be cut out of these. `in_use` is at the end of
-- the span, NULL if nothing that is held was touched.
CREATE TABLE meter_usage (
    span text COLLATE "C" NOT NULL CHECK (span IN ('quarter', 'day')),
    starts_at_ms bigint NOT NULL,
    instance_id uuid NOT NULL,
    meter text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    units bigint NOT NULL,
    granted bigint NOT NULL,
    denied bigint NOT NULL,
    peak bigint NOT NULL,
    in_use bigint,
    PRIMARY KEY (span, starts_at_ms, instance_id, meter)
) WITH (fillfactor = 70);

CREATE INDEX meter_usage_by_instance ON meter_usage (instance_id, span, starts_at_ms);

-- The way back to when something changed last.
CREATE INDEX meter_usage_by_meter ON meter_usage (instance_id, meter, starts_at_ms)
    WHERE span = 'day';

CREATE TABLE meter_denial (
    span text COLLATE "C" NOT NULL CHECK (span IN ('quarter', 'day')),
    starts_at_ms bigint NOT NULL,
    instance_id uuid NOT NULL,
    meter text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    denied bigint NOT NULL,
    PRIMARY KEY (span, starts_at_ms, instance_id, meter, reason)
) WITH (fillfactor = 70);

CREATE INDEX meter_denial_by_instance ON meter_denial (instance_id, span, starts_at_ms);

-- Which meters an instance has in the tables above.
CREATE TABLE meter (
    instance_id uuid NOT NULL,
    meter text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (instance_id, meter)
);

CREATE TABLE line_item (
    instance_id uuid NOT NULL,
    activation_id text COLLATE "C" NOT NULL,
    state text NOT NULL,
    quantity bigint NOT NULL,
    used bigint NOT NULL,
    starts_at_ms bigint NOT NULL,
    ends_at_ms bigint NOT NULL,
    rate_table_series text NOT NULL,
    PRIMARY KEY (instance_id, activation_id)
) WITH (fillfactor = 50);

CREATE TABLE session (
    session_id uuid PRIMARY KEY,
    instance_id uuid NOT NULL,
    state text NOT NULL,
    opened_at_ms bigint NOT NULL,
    charged_until_ms bigint,
    ended_at_ms bigint,
    end_reason text
) WITH (fillfactor = 80);

CREATE INDEX session_by_instance ON session (instance_id, opened_at_ms, session_id);
CREATE INDEX session_by_time ON session (opened_at_ms, session_id);
