//! What all commands share: the server, the token and the output.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use clap::Args;
use licet_client::Client;
use licet_protocol::ApiVersion;

use crate::{failure::Failure, output::Output};

const SERVER: &str = "http://127.0.0.1:7070";
const HEADING: &str = "Options of all commands";

// Their variables are read by hand: clap would show those that are set as if the command needed the
// option.
/// Options of all commands.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Address of the server [env: LICET_SERVER] [default: http://127.0.0.1:7070]
    #[arg(long, global = true, value_name = "URL", help_heading = HEADING)]
    server: Option<String>,
    /// Bearer token, from `licet login` or `licet token mint` [env: LICET_TOKEN]
    #[arg(long, global = true, help_heading = HEADING)]
    token: Option<String>,
    /// File that holds the bearer token [env: LICET_TOKEN_FILE]
    #[arg(long, global = true, value_name = "FILE", help_heading = HEADING)]
    #[arg(conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// PEM file of the certificates to trust, in place of the operating system's
    /// [env: LICET_CA_FILE]
    #[arg(long, global = true, value_name = "FILE", help_heading = HEADING)]
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
        let server = self.global.server.clone().or_else(|| variable("LICET_SERVER"));
        let server = &server.unwrap_or_else(|| SERVER.to_owned());
        let ca_file = self.global.ca_file.clone();
        let client = match ca_file.or_else(|| variable("LICET_CA_FILE").map(PathBuf::from)) {
            None => Client::new(server)?,
            Some(file) => {
                let pem = fs::read(&file).map_err(|error| {
                    Failure::usage(format!("--ca-file {}: {error}", file.display()))
                })?;
                Client::with_certificates(server, &pem)?
            }
        };
        Ok(client.with_version(self.global.api_version))
    }

    /// What the command line says counts before the environment, the token before its file.
    fn token(&self) -> Result<Option<String>, Failure> {
        if let Some(token) = &self.global.token {
            return Ok(Some(token.clone()));
        }
        if let Some(file) = &self.global.token_file {
            return read_token(file).map(Some);
        }
        if let Some(token) = variable("LICET_TOKEN") {
            return Ok(Some(token));
        }
        variable("LICET_TOKEN_FILE").map(|file| read_token(Path::new(&file))).transpose()
    }
}

/// A variable of the environment, unless it is empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn read_token(file: &Path) -> Result<String, Failure> {
    let wrong = |what: String| {
        let hint = "make it with `licet login --save FILE`";
        Failure::usage(format!("--token-file {}: {what}; {hint}", file.display()))
    };
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    match text.trim() {
        "" => Err(wrong("is empty".to_owned())),
        token => Ok(token.to_owned()),
    }
}

/// The name of whoever is logged in to this computer.
pub(crate) fn local_user() -> Option<String> {
    ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| variable(name))
}
