//! Where the database is: what a `postgres://` address says, and what it leaves to the store.

use std::{fmt::Write as _, time::Duration};

use percent_encoding::percent_decode_str;
use tokio_postgres::{
    Config,
    config::{Host, SslMode, TargetSessionAttrs},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls::{self, Check, Roots};
use crate::StoreError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long bytes may be unanswered before a connection counts as lost.
const UNANSWERED_MAX: Duration = Duration::from_secs(15);

/// After so long a silence it is asked whether the other end is still there.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A database and how to reach it.
#[derive(Clone)]
pub(super) struct Target {
    config: Config,
    pub(super) tls: MakeRustlsConnect,
}

impl Target {
    /// Reads an address, and the root certificates that it names.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it is not one or the certificates cannot be read; the text
    /// never repeats the address, which may hold a password.
    pub(super) fn read(url: &str) -> Result<Self, StoreError> {
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(refused("it must begin with postgres://"));
        }
        let (url, encryption) = Encryption::take_from(url)?;
        let mut config: Config = url.parse().map_err(|error| refused(&cause(error)))?;
        config.ssl_mode(encryption.mode);
        let tls = MakeRustlsConnect::new(tls::client(encryption.check, &encryption.roots)?);
        fill_in(&mut config);
        Ok(Self { config, tls })
    }

    /// How to open a connection with these settings, beside those that the address names.
    pub(super) fn config(&self, settings: &[(&str, &str)]) -> Config {
        let mut options = self.config.get_options().unwrap_or_default().to_owned();
        for (name, value) in settings {
            // Writing into a string cannot fail.
            let _ = write!(options, " -c {name}={}", value.replace(' ', "\\ "));
        }
        let mut config = self.config.clone();
        config.options(options);
        config
    }

    /// Hosts and database, for messages.
    pub(super) fn name(&self) -> String {
        let ports = self.config.get_ports();
        let mut name = String::new();
        for (at, host) in self.config.get_hosts().iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            let port = ports.get(at).or_else(|| ports.first()).unwrap_or(&5432);
            let host = match host {
                Host::Tcp(host) => host.clone(),
                #[cfg(unix)]
                Host::Unix(path) => path.display().to_string(),
            };
            let _ = write!(name, "{separator}{host}:{port}");
        }
        let user = self.config.get_user().unwrap_or_default();
        let _ = write!(name, "/{}", self.config.get_dbname().unwrap_or(user));
        name
    }
}

/// What an address does not say.
fn fill_in(config: &mut Config) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNANSWERED_MAX);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_idle(SILENCE_MAX).keepalives_interval(UNANSWERED_MAX / 3);
    }
    if config.get_application_name().is_none() {
        config.application_name("licet");
    }
    let is_cluster = config.get_hosts().len() > 1;
    if is_cluster && config.get_target_session_attrs() == TargetSessionAttrs::Any {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
}

/// What `sslmode` and `sslrootcert` ask for, as libpq understands them.
struct Encryption {
    mode: SslMode,
    check: Check,
    roots: Roots,
}

impl Encryption {
    /// Takes both parameters off an address, because the driver knows only part of them.
    fn take_from(url: &str) -> Result<(String, Self), StoreError> {
        let Some((base, query)) = url.split_once('?') else {
            return Ok((url.to_owned(), Self::of("prefer", None)?));
        };
        let (mut mode, mut roots, mut others) = ("prefer".to_owned(), None, Vec::new());
        for pair in query.split('&') {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = decode(value)?,
                Some(("sslrootcert", value)) => roots = Some(decode(value)?),
                _ => others.push(pair),
            }
        }
        Ok((format!("{base}?{}", others.join("&")), Self::of(&mode, roots)?))
    }

    fn of(mode: &str, roots: Option<String>) -> Result<Self, StoreError> {
        let unless_roots = if roots.is_some() { Check::Chain } else { Check::Nothing };
        let (mode, check) = match mode {
            "disable" => (SslMode::Disable, Check::Nothing),
            "prefer" => (SslMode::Prefer, unless_roots),
            "require" => (SslMode::Require, unless_roots),
            "verify-ca" => (SslMode::Require, Check::Chain),
            "verify-full" => (SslMode::Require, Check::ChainAndName),
            _ => {
                return Err(refused(
                    "sslmode must be disable, prefer, require, verify-ca or verify-full",
                ));
            }
        };
        let roots = match roots {
            Some(path) if path != "system" => Roots::File(path.into()),
            _ => Roots::System,
        };
        Ok(Self { mode, check, roots })
    }
}

fn decode(value: &str) -> Result<String, StoreError> {
    let decoded = percent_decode_str(value).decode_utf8();
    Ok(decoded.map_err(|_| refused("a parameter is not UTF-8"))?.into_owned())
}

fn refused(why: &str) -> StoreError {
    StoreError::Unavailable(format!("the address of the database cannot be used: {why}"))
}

fn cause(error: tokio_postgres::Error) -> String {
    error.into_source().map_or_else(|| "it cannot be parsed".to_owned(), |cause| cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_driver_does_not_know_is_taken_off() {
        let target = Target::read(
            "postgres://ada:secret@db.example:6000/licet?sslmode=verify-full&connect_timeout=3",
        )
        .unwrap();
        assert_eq!(target.name(), "db.example:6000/licet");
        assert_eq!(target.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(target.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        let config = target.config(&[("default_transaction_isolation", "read committed")]);
        let options = " -c default_transaction_isolation=read\\ committed";
        assert_eq!(config.get_options(), Some(options));
    }

    #[test]
    fn a_refusal_never_repeats_the_password() {
        for url in [
            "mysql://ada:secret@db/licet",
            "postgres://ada:secret@db:port/licet",
            "postgres://ada:secret@db/licet?sslmode=maybe",
            "postgres://ada:secret@db/licet?colour=blue",
            "postgres://ada:secret@db/licet?sslmode=verify-ca&sslrootcert=/nowhere/ca.pem",
        ] {
            let Err(error) = Target::read(url) else { panic!("{url} was taken") };
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn roots_make_weaker_modes_check_the_chain() {
        let check = |mode: &str, roots: Option<&str>| {
            Encryption::of(mode, roots.map(str::to_owned)).unwrap().check
        };
        assert_eq!(check("require", None), Check::Nothing);
        assert_eq!(check("require", Some("ca.pem")), Check::Chain);
        assert_eq!(check("verify-ca", None), Check::Chain);
        assert_eq!(check("verify-full", Some("system")), Check::ChainAndName);
    }
}
