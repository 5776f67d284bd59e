//! The key under which secrets are sealed before they go into the store.

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use licet_store::{Site, StoreError};
use thiserror::Error;
use uuid::Uuid;

use super::random;

const KEY_BYTES: usize = 32;
/// Longest text that is looked at.
const TEXT_BYTES_MAX: u64 = 1024;
/// First byte of what is sealed: AES-256-GCM with the nonce before the ciphertext.
const AES_256_GCM_V1: u8 = 1;

/// Seals secrets (AES-256-GCM); a clone is cheap and the same.
#[derive(Clone)]
pub struct MasterKey(Arc<RandomizedNonceKey>);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

/// Something that was not sealed under this key and this name, or was damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it was not sealed under this master key")]
pub(crate) struct Unsealable;

impl MasterKey {
    /// One that goes with the process, for a store that does the same.
    ///
    /// # Errors
    /// [`MasterKeyError::NoRandom`]
    pub fn random() -> Result<Self, MasterKeyError> {
        Self::from_bytes(&random_bytes()?)
    }

    /// Reads 32 bytes in Base64. `place` says in errors where they stand.
    ///
    /// # Errors
    /// [`MasterKeyError::NoKey`]
    pub fn from_base64(text: &str, place: &str) -> Result<Self, MasterKeyError> {
        let no_key = || MasterKeyError::NoKey { place: place.to_owned() };
        let bytes = STANDARD.decode(text.trim()).map_err(|_| no_key())?;
        Self::from_bytes(&bytes.try_into().map_err(|_| no_key())?)
    }

    fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Result<Self, MasterKeyError> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes);
        Ok(Self(Arc::new(key.map_err(|_| MasterKeyError::NoRandom)?)))
    }

    /// Seals a secret; it can be unsealed under the same name alone.
    ///
    /// # Errors
    /// [`MasterKeyError::NoRandom`]
    pub(crate) fn seal(&self, name: &str, secret: &[u8]) -> Result<Vec<u8>, MasterKeyError> {
        let mut text = secret.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(name), &mut text)
            .map_err(|_| MasterKeyError::NoRandom)?;
        Ok([&[AES_256_GCM_V1], &nonce.as_ref()[..], &text].concat())
    }

    /// # Errors
    /// [`Unsealable`]
    pub(crate) fn unseal(&self, name: &str, sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let [AES_256_GCM_V1, sealed @ ..] = sealed else { return Err(Unsealable) };
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(Unsealable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
        let mut text = text.to_vec();
        let secret = self.0.open_in_place(nonce, Aad::from(name), &mut text);
        let length = secret.map_err(|_| Unsealable)?.len();
        text.truncate(length);
        Ok(text)
    }
}

fn random_bytes() -> Result<[u8; KEY_BYTES], MasterKeyError> {
    random::bytes().map_err(|_| MasterKeyError::NoRandom)
}

/// Why there is no master key, or not the right one; each says how to mend it.
#[derive(Debug, Error)]
pub enum MasterKeyError {
    #[error("the system gives no random bytes")]
    NoRandom,
    #[error("{place} holds no master key: 32 bytes in Base64, as `openssl rand -base64 32` writes")]
    NoKey { place: String },
    #[error("the master key {}: {error}", .path.display())]
    File { path: PathBuf, error: io::Error },
    #[error(
        "the master key {0} may be read by others (mode {mode:04o}), and who reads it can sign in \
         the site's name; make it yours alone: chmod 600 {0}",
        .path.display()
    )]
    TooOpen { path: PathBuf, mode: u32 },
    #[error(
        "the store has signing keys, but the master key that they are sealed under is not at {}; \
         {MISSING_ADVICE}",
        .path.display()
    )]
    Missing { path: PathBuf },
    #[error(
        "the signing keys {} are sealed under another master key than the one given; \
         {MISSING_ADVICE}",
        .kids.join(", ")
    )]
    Wrong { kids: Vec<String> },
    #[error("the signing keys cannot be read: {0}")]
    Store(#[from] StoreError),
}

const MISSING_ADVICE: &str = "put the file master.key of the server that made them there, or name \
    it with --master-key FILE, or put its text into LICET_MASTER_KEY; if it is lost, `licet \
    signing-key reset` makes new keys, and what the old ones signed can still be verified";

/// Where the master key comes from.
#[derive(Debug, Clone)]
pub enum MasterKeySource {
    Given(MasterKey),
    /// A file that is made when a store gets its first secret.
    File(PathBuf),
}

impl MasterKeySource {
    /// The master key for a store. A new one is made only for a store in which nothing is sealed,
    /// so that a file that was forgotten is never taken for a first start.
    ///
    /// # Errors
    /// [`MasterKeyError`]
    pub async fn open(&self, store: &(impl Site + ?Sized)) -> Result<MasterKey, MasterKeyError> {
        let path = match self {
            Self::Given(key) => return Ok(key.clone()),
            Self::File(path) => path,
        };
        let keys = store.signing_keys().await?;
        if keys.iter().all(|key| key.sealed_private_key.is_none()) {
            return read_or_make(path);
        }
        match read(path) {
            Err(MasterKeyError::File { path, error })
                if error.kind() == io::ErrorKind::NotFound =>
            {
                Err(MasterKeyError::Missing { path })
            }
            result => result,
        }
    }

    /// The master key for secrets that are all made anew.
    ///
    /// # Errors
    /// [`MasterKeyError`]
    pub fn open_or_make(&self) -> Result<MasterKey, MasterKeyError> {
        match self {
            Self::Given(key) => Ok(key.clone()),
            Self::File(path) => read_or_make(path),
        }
    }
}

fn read_or_make(path: &Path) -> Result<MasterKey, MasterKeyError> {
    if !path.exists() {
        make(path)?;
    }
    read(path)
}

fn read(path: &Path) -> Result<MasterKey, MasterKeyError> {
    let failed = |error| MasterKeyError::File { path: path.to_owned(), error };
    let file = File::open(path).map_err(failed)?;
    check_mode(path, &file)?;
    let mut text = String::new();
    io::Read::read_to_string(&mut io::Read::take(file, TEXT_BYTES_MAX), &mut text)
        .map_err(failed)?;
    MasterKey::from_base64(&text, &path.display().to_string())
}

#[cfg(unix)]
fn check_mode(path: &Path, file: &File) -> Result<(), MasterKeyError> {
    use std::os::unix::fs::PermissionsExt;
    let path = path.to_owned();
    match file.metadata() {
        Ok(metadata) => match metadata.permissions().mode() & 0o777 {
            mode if mode & 0o077 == 0 => Ok(()),
            mode => Err(MasterKeyError::TooOpen { path, mode }),
        },
        Err(error) => Err(MasterKeyError::File { path, error }),
    }
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &File) -> Result<(), MasterKeyError> {
    Ok(())
}

/// Makes the file whole or not at all, and never in place of one that another process made.
fn make(path: &Path) -> Result<(), MasterKeyError> {
    let text = STANDARD.encode(random_bytes()?) + "\n";
    let write = || -> io::Result<()> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        private_directories().create(directory)?;
        let unfinished = directory.join(format!(".master.key.{}", Uuid::new_v4().simple()));
        let mut file = private_file().open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        let linked = fs::hard_link(&unfinished, path);
        fs::remove_file(&unfinished)?;
        File::open(directory)?.sync_all()?;
        linked
    };
    match write() {
        Ok(()) => {
            tracing::info!(path = %path.display(), "master key made; keep a copy of it apart");
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(MasterKeyError::File { path: path.to_owned(), error }),
    }
}

fn private_directories() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_unsealed_under_its_key_and_name() {
        let (key, other) = (MasterKey::random().unwrap(), MasterKey::random().unwrap());
        let sealed = key.seal("name", b"secret").unwrap();
        assert_eq!(key.unseal("name", &sealed).as_deref(), Ok(&b"secret"[..]));
        assert_eq!(other.unseal("name", &sealed), Err(Unsealable));
        assert_eq!(key.unseal("eman", &sealed), Err(Unsealable));
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert_eq!(key.unseal("name", &changed), Err(Unsealable), "byte {index}");
            assert_eq!(key.unseal("name", &sealed[..index]), Err(Unsealable), "cut at {index}");
        }
        assert_ne!(key.seal("name", b"secret").unwrap(), sealed, "a nonce is used once");
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
    }

    #[test]
    fn a_key_is_32_bytes_in_base64() {
        let text = STANDARD.encode([7; 32]);
        assert!(MasterKey::from_base64(&format!(" {text}\n"), "here").is_ok());
        for wrong in ["", "x", &STANDARD.encode([7; 31]), &STANDARD.encode([7; 33])] {
            let error = MasterKey::from_base64(wrong, "LICET_MASTER_KEY").unwrap_err().to_string();
            assert!(error.starts_with("LICET_MASTER_KEY holds no"), "{error}");
            assert!(error.contains("openssl rand"), "{error}");
        }
    }

    #[test]
    fn a_file_is_made_once_and_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/licet/master.key");
        let sealed = read_or_make(&path).unwrap().seal("n", b"s").unwrap();
        assert!(read_or_make(&path).unwrap().unseal("n", &sealed).is_ok());
        make(&path).unwrap();
        assert!(read(&path).unwrap().unseal("n", &sealed).is_ok(), "it stays");
        let files = fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(files.count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        make(&path).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read_or_make(&path).unwrap_err().to_string();
            assert!(error.contains("chmod 600") && error.contains("mode 06"), "{error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(read(&path).is_ok());
    }
}
