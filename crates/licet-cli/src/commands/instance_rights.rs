//! `licet instance export` and `licet instance import`

use std::path::PathBuf;

use licet_client::Client;
use licet_core::model::HostId;
use licet_protocol::{HostIdIn, Millis, RightsExportIn, RightsImportIn};
use uuid::Uuid;

use crate::{context::Context, failure::Failure, files, input, instance_id, moment, output::Table};

/// Sign what an instance is entitled to serve, for a local licence server
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file is for one host: an Ethernet address of its machine, in any form, or the id that
`curl http://HOST:7070/api/1.0/hostids` shows. Who exports the rights of an instance for two hosts
gives them away twice.

Example:
  licet instance export --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11 \\
    --host-id 02AB34CD56EF/ETHERNET --out northwind.rights --jwks-out jwks.json")]
pub(super) struct Export {
    /// Id of the instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID", value_parser = instance_id::parse)]
    instance: Uuid,
    /// Hostid of the local licence server: its value, and its type unless that is STRING
    #[arg(long, value_name = "VALUE[/TYPE]")]
    host_id: String,
    /// File to write; it is not overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Also write the keys that verify it, for `licet serve --local --trust`
    #[arg(long, value_name = "FILE")]
    jwks_out: Option<PathBuf>,
    /// Until when the file can be imported; what was imported stays [default: no end]
    #[arg(long, value_name = "WHEN", value_parser = moment::parse_end)]
    expires: Option<i64>,
}

/// Give the rights in a signed file to a local licence server
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Line items that the file has no more become obsolete. The same file may come again; an older one is
refused.

Example:
  licet instance import northwind.rights --server http://127.0.0.1:7070")]
pub(super) struct Import {
    /// File that `licet instance export` wrote, or `-` for standard input
    file: PathBuf,
}

impl Export {
    pub(super) fn run(self, client: &Client, context: &Context) -> Result<(), Failure> {
        let host = HostId::from_written(&self.host_id);
        let host_id = HostIdIn { kind: host.kind().into(), value: host.value().into() };
        let wanted = RightsExportIn { host_id, expires: self.expires.map(Millis) };
        let rights = client.export_rights(self.instance, &wanted)?;
        if let Some(file) = &self.jwks_out {
            let keys = serde_json::to_string_pretty(&client.jwk_set()?)
                .map_err(|error| Failure::other(error.to_string()))?;
            files::write_new(file, &format!("{keys}\n"), false)?;
        }
        files::write_new(&self.out, &format!("{}\n", rights.document), false)?;
        context.output.show(&rights, |rights| {
            Table::of(["number", "line items", "file"], [rights], |rights| {
                [
                    rights.generation.to_string(),
                    rights.line_items.to_string(),
                    self.out.display().to_string(),
                ]
            })
        })?;
        Ok(())
    }
}

impl Import {
    pub(super) fn run(self, client: &Client, context: &Context) -> Result<(), Failure> {
        let document = input::read_text(&self.file)?;
        let imported = client.import_rights(&RightsImportIn { document })?;
        context.output.show(&imported, |imported| {
            Table::of(["number", "issued", "line items", "obsolete"], [imported], |imported| {
                [
                    imported.generation.to_string(),
                    moment::show(imported.issued.0),
                    imported.line_items.to_string(),
                    imported.obsolete.to_string(),
                ]
            })
        })?;
        Ok(())
    }
}
