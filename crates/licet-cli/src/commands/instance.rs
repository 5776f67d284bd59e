//! `licet instance …`

use clap::Subcommand;
use licet_client::InstanceQuery;
use licet_protocol::{InstanceIn, InstanceOut};
use uuid::Uuid;

use super::instance_rights::{Export, Import};
use crate::{
    context::Context,
    failure::{Exit, Failure},
    instance_id, moment,
    output::Table,
};

/// Make, list and show instances, the pools of rights of customers, and carry rights to local
/// licence servers
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(Create),
    List(List),
    Show(Show),
    Export(Export),
    Import(Import),
}

/// Make an instance; the first one of an account becomes its default
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet instance create NORTHWIND-def-inst --account NORTHWIND")]
struct Create {
    /// A name for people
    short_name: String,
    /// The customer whose line items it holds
    #[arg(long, value_name = "ID")]
    account: String,
}

/// List all instances, or the default one of an account
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet instance list --default-of NORTHWIND --json")]
struct List {
    /// Only the default instance of this account
    #[arg(long, value_name = "ACCOUNT")]
    default_of: Option<String>,
}

/// Show one instance
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet instance show 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11")]
struct Show {
    /// Id of the instance
    #[arg(env = "LICET_INSTANCE", value_name = "ID", value_parser = instance_id::parse)]
    id: Uuid,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client()?;
        match self.action {
            Action::Export(export) => export.run(&client, context)?,
            Action::Import(import) => import.run(&client, context)?,
            Action::Create(create) => {
                let (short_name, account_id) = (create.short_name.into(), create.account.into());
                let instance = client.create_instance(&InstanceIn { short_name, account_id })?;
                context.output.show(&instance, |instance| table([instance]))?;
            }
            Action::List(List { default_of: None }) => {
                let instances = client.all_instances()?;
                context.output.show(&instances, |instances| table(instances))?;
            }
            Action::List(List { default_of }) => {
                let page = client.instances(&InstanceQuery { default_of, ..Default::default() })?;
                context.output.show(&page.content, |instances| table(instances))?;
            }
            Action::Show(show) => {
                let instance = client.instance(show.id)?;
                context.output.show(&instance, |instance| table([instance]))?;
            }
        }
        Ok(Exit::Yes)
    }
}

fn table<'a>(instances: impl IntoIterator<Item = &'a InstanceOut>) -> Table {
    Table::of(["id", "name", "account", "default", "created"], instances, |instance| {
        [
            instance.id.to_string(),
            instance.short_name.clone(),
            instance.account_id.clone(),
            if instance.default_instance { "yes" } else { "no" }.to_owned(),
            moment::show(instance.created.0),
        ]
    })
}
