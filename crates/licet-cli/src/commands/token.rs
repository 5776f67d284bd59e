//! `licet token …`

use std::path::PathBuf;

use clap::Subcommand;
use licet_protocol::KeyType;
use uuid::Uuid;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    files, input, instance_id,
    jwt::{Claims, Confirmation, Jwk, Signer},
    moment,
};

/// Make tokens for programs
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Mint(Mint),
}

/// Sign a bearer token with a private key, without asking the server
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet token mint --key client-1.private.pem --kid client-1 \\
      --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11 --ttl 90d")]
struct Mint {
    /// Private key in PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Id under which the public half was uploaded
    #[arg(long, value_name = "KID")]
    kid: String,
    /// A token that may do everything, for an administration key
    #[arg(long, conflicts_with = "instance")]
    admin: bool,
    /// Instance that a client's token may act on; may be given several times
    #[arg(long, value_name = "ID", required_unless_present = "admin")]
    #[arg(value_parser = instance_id::parse)]
    instance: Vec<Uuid>,
    /// How long it is valid, such as 1h or 90d
    #[arg(long, value_name = "DURATION", value_parser = moment::parse_duration)]
    ttl: i64,
    /// Who issues it
    #[arg(long, value_name = "URI", default_value = "licet")]
    issuer: String,
    /// Write it to this file, which only you may read, in place of the output
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            Action::Mint(mint) => mint.run(context)?,
        }
        Ok(Exit::Yes)
    }
}

impl Mint {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let name = self.key.display();
        let signer = Signer::from_pem(&input::read_text(&self.key)?)
            .map_err(|error| Failure::usage(format!("{name} {error}")))?;
        let claims = self.claims(moment::now_ms() / 1_000);
        let token = signer.mint(&claims).map_err(Failure::other)?;
        let until = moment::show(claims.exp * 1_000);
        if let Some(file) = &self.save {
            files::replace_private(file, &format!("{token}\n"))?;
            let message = format!("saved to {}, valid until {until}", file.display());
            return context.output.done(&message);
        }
        if context.output.json {
            let expires_ms = claims.exp * 1_000;
            return context
                .output
                .json(&serde_json::json!({"token": token, "expires": expires_ms}));
        }
        context.output.text(&token)
    }

    fn claims(&self, now_s: i64) -> Claims {
        let kind = if self.admin { KeyType::Admin } else { KeyType::Client };
        Claims {
            iss: self.issuer.clone(),
            iat: now_s,
            nbf: now_s,
            exp: now_s + self.ttl / 1_000,
            aud: self.instance.iter().map(ToString::to_string).collect(),
            cnf: Confirmation { jwk: Jwk { kid: self.kid.clone(), kty: kind.as_str() } },
        }
    }
}
