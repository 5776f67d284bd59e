//! `licet key …`

use std::path::PathBuf;

use clap::Subcommand;
use licet_protocol::{KeyIn, KeyType};

use crate::{
    context::Context,
    failure::{Exit, Failure},
    files, input,
    jwt::{Algorithm, Pair},
    moment,
    output::Table,
};

/// Make, upload, list and delete the keys that tokens are signed with
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    New(New),
    Upload(Upload),
    List(List),
    Delete(Delete),
}

/// Make a key pair in two files, NAME.private.pem and NAME.public.pem
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet key new admin-1
  licet key upload admin-1.public.pem --id admin-1 --admin")]
struct New {
    /// Beginning of the names of the two files
    name: String,
    /// Kind of key
    #[arg(long, value_enum, default_value_t = Algorithm::Ed25519)]
    algorithm: Algorithm,
}

/// Upload a public key, or put it in place of the one with its id
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet key upload client-1.public.pem --id client-1")]
struct Upload {
    /// Public key in PEM, - for standard input
    file: PathBuf,
    /// Id that tokens name the key by
    #[arg(long, value_name = "KID")]
    id: String,
    /// An administration key, whose tokens may do everything
    #[arg(long)]
    admin: bool,
}

/// List the keys of the site
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet key list --json")]
struct List {}

/// Delete a key; tokens signed with it are refused from then on
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet key delete client-1")]
struct Delete {
    /// Id of the key
    id: String,
    /// An administration key
    #[arg(long)]
    admin: bool,
}

fn kind(is_admin: bool) -> KeyType {
    if is_admin { KeyType::Admin } else { KeyType::Client }
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            Action::New(new) => new.run(context)?,
            Action::Upload(upload) => upload.run(context)?,
            Action::List(list) => list.run(context)?,
            Action::Delete(delete) => {
                context.client()?.delete_key(kind(delete.admin), &delete.id)?;
                context.output.done(&format!("key {} deleted", delete.id))?;
            }
        }
        Ok(Exit::Yes)
    }
}

impl New {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let pair = Pair::generate(self.algorithm)
            .map_err(|_| Failure::other("the key pair could not be made"))?;
        let private = PathBuf::from(format!("{}.private.pem", self.name));
        let public = PathBuf::from(format!("{}.public.pem", self.name));
        files::write_new(&private, &pair.private_pem, true)?;
        files::write_new(&public, &pair.public_pem, false)?;
        if context.output.json {
            let files = serde_json::json!({
                "privateKeyFile": private.display().to_string(),
                "publicKeyFile": public.display().to_string(),
            });
            return context.output.json(&files);
        }
        let (private, public) = (private.display(), public.display());
        context.output.text(&format!("{private} (keep it secret)\n{public} (upload it)"))
    }
}

impl Upload {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let public_key = input::read_text(&self.file)?;
        if public_key.contains("PRIVATE KEY-----") {
            let file = self.file.display();
            let hint = "it must not leave this computer; upload the public half";
            return Err(Failure::usage(format!("{file} is a private key; {hint}")));
        }
        let key = KeyIn { id: self.id.as_str().into(), public_key };
        context.client()?.put_keys(kind(self.admin), &[key])?;
        context.output.done(&format!("key {} uploaded", self.id))
    }
}

impl List {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let keys = context.client()?.all_keys()?;
        context.output.show(&keys, |keys| {
            Table::of(["id", "type", "created", "modified"], keys, |key| {
                let (created, modified) = (key.created.0, key.modified.0);
                let (created, modified) = (moment::show(created), moment::show(modified));
                [key.id.clone(), key.kind.to_string(), created, modified]
            })
        })
    }
}
