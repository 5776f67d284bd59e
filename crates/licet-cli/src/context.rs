//! What all commands share: the server, the token and the output.

use std::{env, fs, path::PathBuf};

use clap::Args;
use licet_client::Client;
use licet_protocol::ApiVersion;

use crate::{failure::Failure, output::Output};

const HEADING: &str = "Options of all commands";

/// Options of all commands.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Address of the server
    #[arg(long, global = true, env = "LICET_SERVER", default_value = "http://127.0.0.1:7070")]
    #[arg(value_name = "URL", help_heading = HEADING)]
    server: String,
    /// Bearer token, from `licet login` or `licet token mint`
    #[arg(long, global = true, env = "LICET_TOKEN", hide_env_values = true)]
    #[arg(help_heading = HEADING)]
    token: Option<String>,
    /// File that holds the bearer token
    #[arg(long, global = true, env = "LICET_TOKEN_FILE", value_name = "FILE")]
    #[arg(conflicts_with = "token", help_heading = HEADING)]
    token_file: Option<PathBuf>,
    /// PEM file of the certificates to trust, in place of the operating system's
    #[arg(long, global = true, env = "LICET_CA_FILE", value_name = "FILE", help_heading = HEADING)]
    ca_file: Option<PathBuf>,
    /// Version of the API, v1.0 or v1.1
    #[arg(long, global = true, default_value = "v1.1", value_name = "VERSION")]
    #[arg(help_heading = HEADING)]
    api_version: ApiVersion,
    /// Write JSON, for programs
    #[arg(long, global = true, help_heading = HEADING)]
    json: bool,
}

/// What all commands share.
#[derive(Debug)]
pub(crate) struct Context {
    global: Global,
    pub(crate) output: Output,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        let output = Output { json: global.json };
        Self { global, output }
    }

    /// A client with the token, if one was given.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let client = self.anonymous_client()?;
        Ok(match self.token()? {
            Some(token) => client.with_token(token),
            None => client,
        })
    }

    /// A client without a token.
    pub(crate) fn anonymous_client(&self) -> Result<Client, Failure> {
        let server = &self.global.server;
        let client = match &self.global.ca_file {
            None => Client::new(server)?,
            Some(file) => {
                let pem = fs::read(file).map_err(|error| {
                    Failure::usage(format!("--ca-file {}: {error}", file.display()))
                })?;
                Client::with_certificates(server, &pem)?
            }
        };
        Ok(client.with_version(self.global.api_version))
    }

    fn token(&self) -> Result<Option<String>, Failure> {
        let token = match &self.global.token_file {
            None => self.global.token.clone(),
            Some(file) => Some(fs::read_to_string(file).map_err(|error| {
                let hint = "make it with `licet login --save FILE`";
                Failure::usage(format!("--token-file {}: {error}; {hint}", file.display()))
            })?),
        };
        Ok(token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()))
    }
}

/// The name of whoever is logged in to this computer.
pub(crate) fn local_user() -> Option<String> {
    ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| env::var(name).ok())
}
