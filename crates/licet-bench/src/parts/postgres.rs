//! licet on PostgreSQL beside a function in PostgreSQL that does the same by itself.

use std::rc::Rc;

use uuid::Uuid;

use super::{
    Charged,
    access::{ARRAY_CONNECTIONS, ARRAY_REQUESTS},
    hot_name,
    sessions::{open_and_close, prove_closed},
};
use crate::{
    Error,
    bench::{Bench, Storage},
    case::{Case, Subject},
    plan::Part,
    postgres::{Database, Pgbench, Server, program},
    setup,
    site::Site,
    workloads::access::Access,
};

pub(crate) const PARTS: &[Part] =
    &[Part::PgFunction, Part::PgHot, Part::PgSpread, Part::PgArrays, Part::PgSessions];

/// The figure of the function called one by one on one row.
pub(crate) const FUNCTION_HOT: &str = "function, hot";
const FUNCTION_SPREAD: &str = "function, spread";
const SETS_HOT: &str = "function in sets, hot";
const SETS_SPREAD: &str = "function in sets, spread";
const CLIENTS: usize = 32;
const SET: u64 = 100;
const HOT_TARGET: f64 = 15.0;
const SPREAD_TARGET: f64 = 3.0;

/// Line item 0 is the hot one.
const SCHEMA: &str = "
CREATE TABLE line_item (
    id bigint PRIMARY KEY, quantity bigint NOT NULL, used bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE usage_record (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(),
    line_item_id bigint NOT NULL, requester text NOT NULL, tokens bigint NOT NULL
);
CREATE FUNCTION charge(wanted_id bigint, requester text, tokens bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE used_after bigint;
BEGIN
    UPDATE line_item SET used = used + tokens
        WHERE id = wanted_id AND quantity - used >= tokens
        RETURNING used INTO used_after;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO usage_record (line_item_id, requester, tokens)
        VALUES (wanted_id, requester, tokens);
    RETURN used_after;
END $$;
CREATE FUNCTION charge_many(ids bigint[], requesters text[], amounts bigint[])
RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE granted bigint[];
BEGIN
    PERFORM 1 FROM line_item WHERE id = ANY (ids) ORDER BY id FOR UPDATE;
    WITH asked AS (
        SELECT place, a.id, requester, tokens, quantity - used
            - sum(tokens) OVER (PARTITION BY a.id ORDER BY place) AS left_after
        FROM unnest(ids, requesters, amounts) WITH ORDINALITY AS a (id, requester, tokens, place)
        JOIN line_item USING (id)
    ), charged AS (
        SELECT * FROM asked WHERE left_after >= 0
    ), debited AS (
        UPDATE line_item SET used = used + debit.tokens
        FROM (SELECT id, sum(tokens) AS tokens FROM charged GROUP BY id) AS debit
        WHERE line_item.id = debit.id
    ), recorded AS (
        INSERT INTO usage_record (line_item_id, requester, tokens)
        SELECT id, requester, tokens FROM charged ORDER BY place
    )
    SELECT array_agg(place ORDER BY place) INTO granted FROM charged;
    RETURN granted;
END $$;
";

fn one_by_one(id: &str) -> String {
    format!(
        "\\set id {id}\n\\set requester random(1, 1000)\n\
         SELECT charge(:id::bigint, 'user-' || :requester::text, 1);\n"
    )
}

fn in_sets(id: &str) -> String {
    format!(
        "\\set requester random(1, 900)\n\
         SELECT charge_many(array_agg({id}), array_agg('user-' || (:requester::int + n)::text), \
         array_agg(1::bigint)) FROM generate_series(1, {SET}) AS n;\n"
    )
}

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let server = Server::find(&bench.plan.database)?;
    bench.report.rivals.push(server.describe()?);
    let mut cases = Vec::new();
    let function = if bench.plan.has(Part::PgFunction) { function(bench, &server)? } else { None };
    let function = function.map(|(database, function_cases)| {
        cases.extend(function_cases);
        database
    });
    let mut licet_server = None;
    if bench.plan.has_any(&PARTS[1..]) {
        match licet(bench, &server, &mut cases).await {
            Ok(licet) => licet_server = Some(licet),
            // The rival is measured all the same.
            absent @ Err(_) => bench.settle(&PARTS[1..], absent.map(|_| ())),
        }
    }
    bench.measure(cases).await?;
    if let Some(database) = &function {
        prove_function(bench, database)?;
    }
    if let Some(licet) = licet_server {
        licet.prove(bench).await?;
    }
    Ok(())
}

/// The function's database and cases, or a note that pgbench is missing.
fn function(bench: &mut Bench, server: &Server) -> Result<Option<(Database, Vec<Case>)>, Error> {
    if let Err(error) = program("pgbench") {
        bench.settle(&[Part::PgFunction], Err(error));
        return Ok(None);
    }
    let database = Database::create(server)?;
    database.ask(SCHEMA)?;
    let rows = bench.plan.instances;
    database.ask(&format!(
        "INSERT INTO line_item SELECT id, 1000000000000 FROM generate_series(0, {rows}) AS id"
    ))?;
    database.ask("VACUUM ANALYZE line_item")?;
    let spread = format!("random(1, {rows})");
    let spread_of_set = format!("(1 + floor(random() * {rows}))::bigint");
    let mut cases = Vec::new();
    for (name, script, operations) in [
        (FUNCTION_HOT, one_by_one("0"), 1),
        (FUNCTION_SPREAD, one_by_one(&spread), 1),
        (SETS_HOT, in_sets("0::bigint"), SET),
        (SETS_SPREAD, in_sets(&spread_of_set), SET),
    ] {
        let folder = bench.folder()?;
        let pgbench = Pgbench::new(&database, CLIENTS, folder, (&script, operations))?;
        let (part, subject) = (Part::PgFunction, Subject::Pgbench(pgbench));
        cases.push(Case::new(part, name.to_owned(), "decisions", subject));
    }
    Ok(Some((database, cases)))
}

fn prove_function(bench: &mut Bench, database: &Database) -> Result<(), Error> {
    let used = database.ask("SELECT sum(used) FROM line_item")?;
    let recorded = database.ask("SELECT coalesce(sum(tokens), 0) FROM usage_record")?;
    let found = format!("{recorded} tokens in records, {used} debited");
    let is_met = used == recorded && used != "0";
    bench.report.check(Part::PgFunction, "tokens in records are tokens debited", is_met, found);
    Ok(())
}

/// licet on PostgreSQL and what is to be proved of it.
struct Licet {
    charged: Vec<Charged>,
    /// The instance on which sessions are opened.
    sessions: Option<Uuid>,
    site: Rc<Site>,
    /// Dropped after the server that uses it.
    _database: Database,
}

async fn licet(bench: &Bench, server: &Server, cases: &mut Vec<Case>) -> Result<Licet, Error> {
    let database = Database::create(server)?;
    let site = bench.site(Storage::Postgres(&database)).await?;
    let (mut charged, mut sessions) = (Vec::new(), None);
    for part in PARTS[1..].iter().copied().filter(|part| bench.plan.has(*part)) {
        if part == Part::PgSessions {
            let instance_id = site.instance("SESSIONS").await?;
            cases.push(open_and_close(part, &site, instance_id, bench.plan.connections())?);
            sessions = Some(instance_id);
        } else {
            let proof = prepare(bench, part, &site).await?;
            cases.push(case(bench, part, &proof));
            charged.push(proof);
        }
    }
    Ok(Licet { charged, sessions, site, _database: database })
}

async fn prepare(bench: &Bench, part: Part, site: &Rc<Site>) -> Result<Charged, Error> {
    let instances = match part {
        Part::PgSpread => setup::instances(bench, site, bench.plan.instances).await?,
        _ => vec![site.instance(part.name()).await?],
    };
    let access = match part {
        Part::PgArrays => Access::in_arrays(site, &instances, ARRAY_REQUESTS)?,
        _ => Access::one_by_one(site, &instances)?,
    };
    Charged::new(bench, part, site, (instances, access)).await
}

fn case(bench: &Bench, part: Part, charged: &Charged) -> Case {
    let connections = bench.plan.connections();
    match part {
        Part::PgArrays => {
            let case = charged.case(part.name(), ARRAY_CONNECTIONS).counting("decisions");
            case.against(SETS_HOT, None)
        }
        Part::PgSpread => {
            let case = charged.case(part.name(), connections);
            case.against(FUNCTION_SPREAD, Some(SPREAD_TARGET))
        }
        _ => {
            let case = charged.case(part.name(), connections);
            case.against(FUNCTION_HOT, Some(HOT_TARGET)).against(hot_name(connections), None)
        }
    }
}

impl Licet {
    async fn prove(&self, bench: &mut Bench) -> Result<(), Error> {
        for charged in &self.charged {
            charged.prove(bench).await?;
        }
        if let Some(instance_id) = self.sessions {
            prove_closed(bench, Part::PgSessions, &self.site, instance_id).await?;
        }
        Ok(())
    }
}
