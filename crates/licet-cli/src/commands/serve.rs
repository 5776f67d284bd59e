use std::{
    fs,
    io::IsTerminal,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    sync::Arc,
};

use clap::ValueEnum;
use licet_engine::{Clock, SystemClock};
use licet_server::{RateLimit, Server, ServerOptions, StartError};
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use crate::{
    context::{Context, variable},
    failure::{Exit, Failure},
    local::{self, LocalArgs},
    master_key,
    place::Place,
    runtime,
};

const AFTER_HELP: &str = "\
The first of these that has an option counts: command line, environment, file, default.

Example:
  LICET_ADMIN_PASSWORD='a long sentence of yours' licet serve --data /var/lib/licet
  licet serve --listen 0.0.0.0:7070 --tls-certificate chain.pem --tls-key key.pem
  licet serve --local --data /var/lib/licet --trust jwks.json --rights northwind.rights
  licet serve --database postgres://licet@db.example/licet?sslmode=verify-full";

/// What `--print-config` writes.
const CONFIG: &str = include_str!("serve.default.toml");

/// Run the server
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    given: Settings,
    /// TOML file with any of these options
    #[arg(long, env = "LICET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Password of the user `admin` of an empty store; one is made if it is not given
    #[arg(long, env = "LICET_ADMIN_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    admin_password: Option<String>,
    #[command(flatten)]
    local: LocalArgs,
    /// Write a configuration file with every key and its default, and end
    #[arg(long)]
    print_config: bool,
}

/// Options that can stand on the command line, in the environment and in a file.
#[derive(Debug, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    /// Data directory; made if it is not there [default: ./licet-data]
    #[arg(long, env = "LICET_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// PostgreSQL database in place of a data directory; several servers may share one
    #[arg(long, env = "LICET_DATABASE", hide_env_values = true, value_name = "URL")]
    database: Option<String>,
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:7070]
    #[arg(long, env = "LICET_LISTEN", value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Certificate chain, PEM; with --tls-key the server speaks HTTPS
    #[arg(long, env = "LICET_TLS_CERTIFICATE", value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, env = "LICET_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// File of the master key, under which secrets in the store are sealed; made at the first start
    /// [default: master.key in the data directory; with a database, in this user's state directory]
    #[arg(long, env = "LICET_MASTER_KEY_FILE", value_name = "FILE")]
    master_key: Option<PathBuf>,
    /// How often each caller may call in a second [default: no limit]
    #[arg(long, env = "LICET_REQUESTS_PER_SECOND", value_name = "N")]
    requests_per_second: Option<NonZeroU32>,
    /// Threads that answer requests [default: one less than there are cores]
    #[arg(long, env = "LICET_THREADS", value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// What is logged, such as `info` or `licet_server=debug` [default: info]
    #[arg(long, env = "LICET_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// Form of the log [default: text]
    #[arg(long, env = "LICET_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        if self.print_config {
            context.output.text(CONFIG)?;
            return Ok(Exit::Yes);
        }
        let settings = self.given.or(read_config(self.config)?);
        let format = settings.log_format.unwrap_or(LogFormat::Text);
        start_log(settings.log.as_deref().unwrap_or("info"), format)?;
        let place = Place::of(settings.data.clone(), settings.database.clone())?;
        let master_key = master_key::source(settings.master_key.clone(), &place)?;
        let threads = settings.threads;
        let options = settings.server_options(self.admin_password)?;
        let local = self.local.read()?;
        runtime::run(threads, async {
            let store = place.open().await?;
            let master_key = master_key.open(&*store).await?;
            let clock = Arc::new(SystemClock);
            let options = match &local {
                None => {
                    local::refuse(&*store, &place).await?;
                    options
                }
                Some(_) => {
                    let id = local::instance(&*store, &place, clock.now_ms()).await?;
                    ServerOptions { local_instance: Some(id), ..options }
                }
            };
            let server = Server::start(store, clock, master_key, options).await?;
            if let Some(local) = local {
                local.tell(&server, context.output).await?;
            }
            let told_to_stop = runtime::until_told_to_stop();
            announce(&server, context)?;
            let address = server.url();
            tracing::info!(%address, store = %place, tls = address.starts_with("https:"), "started");
            server.run(told_to_stop).await?;
            tracing::info!("stopped: all that was asked is answered, and the store is closed");
            Ok(Exit::Yes)
        })
    }
}

/// Says where the server is, once it listens, and the password if one was made.
fn announce(server: &Server, context: &Context) -> Result<(), Failure> {
    let url = server.url();
    if let Some(password) = &server.generated_password {
        let password = password.expose();
        context.output.note(&format!("user admin, password {password} (shown this once)"));
    }
    context.output.text(&format!("licet {} at {url}", env!("CARGO_PKG_VERSION")))
}

fn read_config(file: Option<PathBuf>) -> Result<Settings, Failure> {
    let Some(file) = file else { return Ok(Settings::default()) };
    let wrong = |error: &dyn std::fmt::Display| {
        let hint = "`licet serve --print-config` shows how it looks";
        Failure::usage(format!("--config {}: {error}; {hint}", file.display()))
    };
    let text = fs::read_to_string(&file).map_err(|error| wrong(&error))?;
    toml::from_str(&text).map_err(|error| wrong(&error))
}

/// Starts writing the log to standard error.
pub(crate) fn start_log(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Failure::usage(format!("--log {filter}: {error}")))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

impl Settings {
    /// These, and what they leave open from `other`.
    fn or(self, other: Self) -> Self {
        // The two name one thing, the place of the store.
        let (data, database) = match (&self.data, &self.database) {
            (None, None) => (other.data, other.database),
            _ => (self.data, self.database),
        };
        Self {
            data,
            database,
            listen: self.listen.or(other.listen),
            tls_certificate: self.tls_certificate.or(other.tls_certificate),
            tls_key: self.tls_key.or(other.tls_key),
            // The file's is a second one where the environment has the key itself.
            master_key: match variable(master_key::VARIABLE) {
                None => self.master_key.or(other.master_key),
                Some(_) => self.master_key,
            },
            requests_per_second: self.requests_per_second.or(other.requests_per_second),
            threads: self.threads.or(other.threads),
            log: self.log.or(other.log),
            log_format: self.log_format.or(other.log_format),
        }
    }

    fn server_options(self, admin_password: Option<String>) -> Result<ServerOptions, Failure> {
        let tls = match (self.tls_certificate, self.tls_key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => {
                let message = "--tls-certificate and --tls-key go together; give both or neither";
                return Err(Failure::usage(message));
            }
        };
        let defaults = ServerOptions::default();
        Ok(ServerOptions {
            listen: self.listen.unwrap_or(defaults.listen),
            tls,
            admin_password,
            rate_limit: self
                .requests_per_second
                .map(|per_second| RateLimit { per_second, burst: per_second }),
            local_instance: defaults.local_instance,
            engine: defaults.engine,
        })
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::other(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_configuration_is_one() {
        let settings: Settings = toml::from_str(CONFIG).expect("it is TOML with known keys");
        assert!(settings.data.is_none(), "every key is commented out");
        let set: String = CONFIG
            .lines()
            .filter_map(|line| line.strip_prefix("#: "))
            .fold(String::new(), |text, line| text + line + "\n");
        let settings: Settings = toml::from_str(&set).expect("the defaults are valid");
        assert_eq!(settings.listen, Some(ServerOptions::default().listen));
    }

    #[test]
    fn the_command_line_goes_before_the_file() {
        let file =
            Settings { log: Some("debug".into()), data: Some("a".into()), ..Settings::default() };
        let given = Settings { data: Some("b".into()), ..Settings::default() };
        let settings = given.or(file);
        assert_eq!(settings.data, Some(PathBuf::from("b")));
        assert_eq!(settings.log.as_deref(), Some("debug"));
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let settings = Settings { tls_key: Some("key.pem".into()), ..Settings::default() };
        assert!(settings.server_options(None).is_err());
    }
}
