//! Where the master key of a server is.

use std::{
    env,
    path::{Path, PathBuf},
};

use licet_server::security::{MasterKey, MasterKeyError, MasterKeySource};

use crate::{context::variable, failure::Failure, place::Place};

/// Holds the key itself; an option would show it to everybody on the computer.
pub(crate) const VARIABLE: &str = "LICET_MASTER_KEY";
const FILE_NAME: &str = "master.key";

/// The file that was named, or the text in the environment. Without either it is a file beside a
/// data directory's store. A database has no directory, and what is sealed in it must not be opened
/// by whoever has a copy of it, so the file is then in this user's state directory.
///
/// # Errors
/// Both are given, the text is no key, or there is no place for the file.
pub(crate) fn source(file: Option<PathBuf>, place: &Place) -> Result<MasterKeySource, Failure> {
    match (file, variable(VARIABLE)) {
        (Some(_), Some(_)) => Err(Failure::usage(format!(
            "--master-key and {VARIABLE} are two master keys (LICET_MASTER_KEY_FILE counts too); \
             give one"
        ))),
        (Some(file), None) => Ok(MasterKeySource::File(file)),
        (None, Some(text)) => Ok(MasterKeySource::Given(MasterKey::from_base64(&text, VARIABLE)?)),
        (None, None) => Ok(MasterKeySource::File(default_directory(place)?.join(FILE_NAME))),
    }
}

fn default_directory(place: &Place) -> Result<PathBuf, Failure> {
    match place.directory() {
        Some(directory) => Ok(directory.to_owned()),
        None => state_directory(|name| env::var(name).ok()).ok_or_else(|| {
            Failure::usage(format!(
                "this user has no directory for the master key (HOME is not set); give \
                 --master-key FILE, or {VARIABLE} as `openssl rand -base64 32` writes it"
            ))
        }),
    }
}

/// That of the service (systemd), or of licet in that of the user.
fn state_directory(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let absolute = |path: &str| Path::new(path).is_absolute().then(|| PathBuf::from(path));
    let of_service = variable("STATE_DIRECTORY");
    let of_service = of_service.as_deref().and_then(|paths| absolute(paths.split(':').next()?));
    let of_user = || variable("XDG_STATE_HOME").and_then(|path| absolute(&path));
    let of_home = || Some(absolute(&variable("HOME")?)?.join(".local/state"));
    of_service.or_else(|| of_user().or_else(of_home).map(|path| path.join("licet")))
}

impl From<MasterKeyError> for Failure {
    fn from(error: MasterKeyError) -> Self {
        Self::other(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_directory_is_the_services_or_the_users() {
        let of = |set: &[(&str, &str)]| {
            let find = |name: &str| {
                let found = set.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            state_directory(find).map(|path| path.display().to_string()).unwrap_or_default()
        };
        let home = ("HOME", "/home/ada");
        assert_eq!(of(&[home]), "/home/ada/.local/state/licet");
        assert_eq!(of(&[home, ("XDG_STATE_HOME", "/s")]), "/s/licet");
        assert_eq!(of(&[home, ("XDG_STATE_HOME", "s")]), "/home/ada/.local/state/licet");
        assert_eq!(of(&[home, ("STATE_DIRECTORY", "/var/lib/licet:/b")]), "/var/lib/licet");
        assert_eq!(of(&[]), "");
    }
}
