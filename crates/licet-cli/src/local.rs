//! A local licence server: one instance, whose rights come as a signed file.

use std::path::{Path, PathBuf};

use licet_core::InstanceId;
use licet_protocol::JwkSet;
use licet_server::Server;
use licet_store::{AuditRow, InstanceFilter, InstanceRow, Store};
use uuid::Uuid;

use crate::{failure::Failure, input::read_text, output::Output};

const ACCOUNT_ID: &str = "LOCAL";
const SHORT_NAME: &str = "local";

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
        if let Some(keys) = self.trust {
            let trusted = server.trust_rights(keys).await;
            trusted.map_err(|problem| Failure::usage(problem.detail()).within("--trust"))?;
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
pub(crate) async fn instance(store: &dyn Store, now_ms: i64) -> Result<InstanceId, Failure> {
    let failed = |error: licet_store::StoreError| Failure::other(error.to_string());
    let filter = InstanceFilter { limit: 2, ..InstanceFilter::default() };
    let rows = store.instances(filter).await.map_err(failed)?;
    match rows.as_slice() {
        [] => create(store, now_ms).await,
        [(_, row)] if row.account_id == ACCOUNT_ID && row.short_name == SHORT_NAME => {
            Ok(InstanceId(row.id))
        }
        _ => Err(Failure::usage(
            "--local: this store has the instances of a hosted server; give another --data DIR",
        )),
    }
}

async fn create(store: &dyn Store, now_ms: i64) -> Result<InstanceId, Failure> {
    let id = Uuid::now_v7();
    let row = InstanceRow {
        id,
        short_name: SHORT_NAME.to_owned(),
        account_id: ACCOUNT_ID.to_owned(),
        is_default: false,
        created_ms: now_ms,
        modified_ms: now_ms,
    };
    let audit = AuditRow {
        at_ms: now_ms,
        actor: "licet".to_owned(),
        action: "instance.create".to_owned(),
        object: id.to_string(),
        ..AuditRow::default()
    };
    let created = store.create_instance(row, audit).await;
    created.map(|row| InstanceId(row.id)).map_err(|error| Failure::other(error.to_string()))
}
