//! `licet login`

use std::path::PathBuf;

use licet_protocol::AuthorizeRequest;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    files, moment,
    password::PasswordArgs,
};

const EXAMPLE: &str = "\
Example:
  licet login --user admin --save token.txt
  licet --token-file token.txt instance list

The password is asked for, or taken from LICET_PASSWORD or standard input.";

/// Exchange user and password for a bearer token
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// Log-in name
    #[arg(long, env = "LICET_USER")]
    user: String,
    #[command(flatten)]
    password: PasswordArgs,
    /// Write the token to this file, which only you may read, in place of the output
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let password = self.password.read(&format!("Password of {}", self.user))?;
        let request = AuthorizeRequest { user: self.user.into(), password };
        let answer = context.anonymous_client()?.authorize(&request)?;
        let Some(file) = &self.save else {
            let token = answer.token.clone();
            if context.output.json {
                context.output.json(&answer)?;
            } else {
                context.output.text(&token)?;
            }
            return Ok(Exit::Yes);
        };
        files::replace_private(file, &format!("{}\n", answer.token))?;
        let until = moment::show(answer.expires.0);
        context.output.done(&format!("saved to {}, valid until {until}", file.display()))?;
        Ok(Exit::Yes)
    }
}
