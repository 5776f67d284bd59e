//! A local licence server: one instance, whose rights come as a signed file.

use std::path::{Path, PathBuf};

use licet_core::InstanceId;
use licet_protocol::JwkSet;
use licet_server::{RIGHTS_TRUST, Server};
use licet_store::{AuditRow, InstanceFilter, InstanceRow, SettingRow, Store, StoreError};
use uuid::Uuid;

use crate::{failure::Failure, input::read_text, output::Output, place::Place};

const ACCOUNT_ID: &str = "LOCAL";
const SHORT_NAME: &str = "local";
/// Setting of a store that only local licence servers may open. What others let into it would be
/// served as if it had come with signed rights.
const LOCAL_STORE: &str = "server.local";
const ACTOR: &str = "licet";

/// Options of `licet serve --local`.
#[derive(Debug, clap::Args)]
pub(crate) struct LocalArgs {
    /// Be the licence server of one instance, `~`, whose rights come as a signed file
    #[arg(long, env = "LICET_LOCAL")]
    local: bool,
    /// File with the keys of the hosted server (its /.well-known/jwks.json) whose signed rights are
    /// taken; it is kept, so it is needed once
    #[arg(long, env = "LICET_TRUST", value_name = "FILE", requires = "local")]
    trust: Option<PathBuf>,
    /// Signed rights, from `licet instance export`
    #[arg(long, env = "LICET_RIGHTS", value_name = "FILE", requires = "local")]
    rights: Option<PathBuf>,
}

/// What a local licence server is told at its start.
#[derive(Debug)]
pub(crate) struct Local {
    trust: Option<JwkSet>,
    /// The file and what is in it.
    rights: Option<(PathBuf, String)>,
}

impl LocalArgs {
    /// Reads the files; `None` for a server that is not local.
    ///
    /// # Errors
    /// A file cannot be read, or has no keys.
    pub(crate) fn read(self) -> Result<Option<Local>, Failure> {
        if !self.local {
            return Ok(None);
        }
        let trust = self.trust.map(|file| read_keys(&file)).transpose()?;
        let read = |file: PathBuf| read_text(&file).map(|text| (file, text));
        Ok(Some(Local { trust, rights: self.rights.map(read).transpose()? }))
    }
}

impl Local {
    /// Tells the server whom to trust and what its rights are.
    ///
    /// # Errors
    /// It refuses the rights, and has none yet; the reason says how to mend it.
    pub(crate) async fn tell(self, server: &Server, output: Output) -> Result<(), Failure> {
        match self.trust {
            Some(keys) => {
                let trusted = server.trust_rights(keys).await;
                trusted.map_err(|problem| Failure::usage(problem.detail()).within("--trust"))?;
            }
            None => remind_of_trust(server, output).await?,
        }
        let Some((file, document)) = self.rights else { return Ok(()) };
        let Err(problem) = server.import_rights(&document).await else { return Ok(()) };
        let failure = Failure::usage(problem.detail());
        let failure = failure.within(&format!("--rights {}", file.display()));
        let has_rights = server.has_rights().await;
        if !has_rights.map_err(|problem| Failure::other(problem.detail()))? {
            return Err(failure);
        }
        // Later files were imported while it ran, say, and the command line still names the first.
        // Clients must not go without for that.
        output.note(&format!("{failure}; it goes on with the rights that it has"));
        Ok(())
    }
}

/// Says at once what else would come out with the first file.
async fn remind_of_trust(server: &Server, output: Output) -> Result<(), Failure> {
    let is_trusting = server.trusts_rights().await;
    if !is_trusting.map_err(|problem| Failure::other(problem.detail()))? {
        output.note(
            "it can import no rights until it is started with --trust FILE, the keys of the \
             hosted server (its /.well-known/jwks.json)",
        );
    }
    Ok(())
}

fn read_keys(file: &Path) -> Result<JwkSet, Failure> {
    let wrong = |what: &str| {
        let hint = "get it with curl from /.well-known/jwks.json of the hosted server";
        Failure::usage(format!("--trust {}: {what}; {hint}", file.display()))
    };
    let keys: JwkSet =
        serde_json::from_str(&read_text(file)?).map_err(|error| wrong(&error.to_string()))?;
    if keys.keys.is_empty() { Err(wrong("it has no key")) } else { Ok(keys) }
}

/// The one instance of a local licence server; made at the first start.
///
/// # Errors
/// The store has instances of somebody else.
pub(crate) async fn instance(
    store: &dyn Store,
    place: &Place,
    now_ms: i64,
) -> Result<InstanceId, Failure> {
    let failed = |error: StoreError| place.failure(&error);
    let is_marked = is_marked(store).await.map_err(failed)?;
    let oldest = InstanceFilter { limit: 1, ..InstanceFilter::default() };
    let rows = store.instances(oldest).await.map_err(failed)?;
    match rows.first() {
        None => {
            // In this order: an end in between leaves no instance that others could fill.
            mark(store, now_ms).await.map_err(failed)?;
            create(store, now_ms).await.map_err(failed)
        }
        Some((_, row)) if is_marked => Ok(InstanceId(row.id)),
        Some((_, row)) if has_served_rights(store, row).await.map_err(failed)? => {
            mark(store, now_ms).await.map_err(failed)?;
            Ok(InstanceId(row.id))
        }
        Some(_) => Err(Failure::usage(format!(
            "--local: {place} has the instances of a hosted server; give another --data DIR \
             or --database"
        ))),
    }
}

/// Keeps servers that are not local from a store of a local one.
///
/// # Errors
/// It is one; the text says how to mend it.
pub(crate) async fn refuse(store: &dyn Store, place: &Place) -> Result<(), Failure> {
    match is_marked(store).await.map_err(|error| place.failure(&error))? {
        false => Ok(()),
        true => Err(Failure::usage(format!(
            "{place}: this is the store of a local licence server; add --local, or give another \
             --data DIR or --database"
        ))),
    }
}

async fn is_marked(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(store.settings().await?.iter().any(|row| row.name == LOCAL_STORE))
}

/// Of local servers from before their stores were marked: no other takes keys to trust for an
/// instance.
async fn has_served_rights(store: &dyn Store, row: &InstanceRow) -> Result<bool, StoreError> {
    let settings = store.instance_settings(Some(row.id)).await?;
    Ok(settings.iter().any(|setting| setting.name == RIGHTS_TRUST))
}

async fn mark(store: &dyn Store, now_ms: i64) -> Result<(), StoreError> {
    let row = SettingRow {
        name: LOCAL_STORE.to_owned(),
        value: "true".to_owned(),
        modified_ms: now_ms,
        updated_by: ACTOR.to_owned(),
    };
    store.put_settings(vec![row], audit("store.local", LOCAL_STORE, now_ms)).await
}

async fn create(store: &dyn Store, now_ms: i64) -> Result<InstanceId, StoreError> {
    let id = Uuid::now_v7();
    let row = InstanceRow {
        id,
        short_name: SHORT_NAME.to_owned(),
        account_id: ACCOUNT_ID.to_owned(),
        is_default: false,
        created_ms: now_ms,
        modified_ms: now_ms,
    };
    let audit = audit("instance.create", &id.to_string(), now_ms);
    store.create_instance(row, audit).await.map(|row| InstanceId(row.id))
}

fn audit(action: &str, object: &str, now_ms: i64) -> AuditRow {
    AuditRow {
        at_ms: now_ms,
        actor: ACTOR.to_owned(),
        action: action.to_owned(),
        object: object.to_owned(),
        ..AuditRow::default()
    }
}
