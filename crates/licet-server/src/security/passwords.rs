use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version,
    password_hash::SaltString,
};
use licet_engine::{Slot, Slots};

use super::random;
use crate::problem::{Code, Problem};

/// Longest password, in characters.
const CHARS_MAX: usize = 256;
/// From this length on, in characters, any mixture will do.
const CHARS_LONG: usize = 12;
/// Shortest password, in characters, if it has three classes of characters.
const CHARS_MIN: usize = 8;
/// Characters of a password of a user of an instance.
const INSTANCE_CHARS: std::ops::RangeInclusive<usize> = 8..=30;
/// Of these it must have one.
const INSTANCE_SPECIALS: &str = "(^*$-+?_&=!%{}/#";
/// Hashes that are computed at the same time; each takes 19 MiB and a core for about 20 ms.
const HASHES_MAX: usize = 2;
/// Requests that wait for one of these; further ones are sent away.
const WAITING_MAX: usize = 32;

/// What a hash costs (Argon2id, one lane).
#[derive(Debug, Clone, Copy)]
pub struct HashCost {
    pub memory_kib: u32,
    pub passes: u32,
}

impl Default for HashCost {
    /// As OWASP recommends: 19 MiB, two passes.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2 }
    }
}

/// Hashes and checks passwords, never more than a few at a time.
#[derive(Debug)]
pub(super) struct Passwords {
    params: Params,
    slots: Slots,
    /// A hash that no password has, for users that do not exist; checking against it takes as
    /// long as against a real one.
    nobody: Arc<str>,
}

impl Passwords {
    /// # Errors
    /// 500 if the cost is out of Argon2's range, or the system gives no random bytes.
    pub(super) fn new(cost: HashCost) -> Result<Self, Problem> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None)
            .map_err(|error| Problem::internal(&HashingError::from(error)))?;
        let (salt, output) = (random::bytes::<16>()?, random::bytes::<32>()?);
        let nobody = format!(
            "$argon2id$v=19$m={},t={},p=1${}${}",
            cost.memory_kib,
            cost.passes,
            unpadded(&salt),
            unpadded(&output)
        );
        Ok(Self { params, slots: Slots::new(HASHES_MAX, WAITING_MAX), nobody: nobody.into() })
    }

    /// Waits for leave to compute a hash.
    ///
    /// # Errors
    /// 503 `overloaded` if too many wait already.
    pub(super) async fn slot(&self) -> Result<Slot, Problem> {
        self.slots.take().await.ok_or_else(overloaded)
    }

    /// Hashes a password into a PHC string.
    ///
    /// # Errors
    /// 503 `overloaded`
    pub(super) async fn hash(&self, password: &str) -> Result<String, Problem> {
        let slot = self.slot().await?;
        let (password, params) = (password.to_owned(), self.params.clone());
        // A random salt of its own for each password.
        let salt = random::bytes::<16>()?;
        blocking(move || {
            let _slot = slot;
            let salt = SaltString::encode_b64(&salt)?;
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            Ok(argon2.hash_password(password.as_bytes(), &salt)?.to_string())
        })
        .await
    }

    /// Whether the password belongs to the hash; with `None` it never does, after the same time.
    ///
    /// # Errors
    /// 500 if the stored hash is damaged.
    pub(super) async fn verify(
        &self,
        slot: Slot,
        password: &str,
        hash: Option<&str>,
    ) -> Result<bool, Problem> {
        let hash: Arc<str> = hash.map_or_else(|| Arc::clone(&self.nobody), Arc::from);
        let password = password.to_owned();
        blocking(move || {
            let _slot = slot;
            let parsed = PasswordHash::new(&hash)?;
            match Argon2::default().verify_password(password.as_bytes(), &parsed) {
                Ok(()) => Ok(true),
                Err(argon2::password_hash::Error::Password) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }
}

#[derive(Debug, thiserror::Error)]
enum HashingError {
    #[error("a password hash is damaged or out of range: {0}")]
    Phc(argon2::password_hash::Error),
    #[error("the cost of password hashes is out of range: {0}")]
    Cost(argon2::Error),
    #[error("a password hash was not finished")]
    Stopped(#[source] tokio::task::JoinError),
}

impl From<argon2::password_hash::Error> for HashingError {
    fn from(error: argon2::password_hash::Error) -> Self {
        Self::Phc(error)
    }
}

impl From<argon2::Error> for HashingError {
    fn from(error: argon2::Error) -> Self {
        Self::Cost(error)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HashingError> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(HashingError::Stopped)
        .flatten()
        .map_err(|error| Problem::internal(&error))
}

fn overloaded() -> Problem {
    Problem::new(Code::Overloaded, "Too many log-ins at once; try again in a moment")
        .with_retry_after(1)
}

fn unpadded(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
    STANDARD_NO_PAD.encode(bytes)
}

/// Checks a new password against the rule.
///
/// # Errors
/// 400 `weak_password` with what is missing.
pub fn check_password(user: &str, password: &str) -> Result<(), Problem> {
    let chars = password.chars().count();
    if chars > CHARS_MAX {
        return Err(weak("The password is longer than 256 characters"));
    }
    if password.to_lowercase() == user.to_lowercase() {
        return Err(weak("The password must not be the user's name"));
    }
    if chars >= CHARS_LONG || (chars >= CHARS_MIN && classes(password) >= 3) {
        return Ok(());
    }
    Err(weak(
        "The password needs at least 12 characters, or at least 8 with three of lower case, \
         upper case, digits and others",
    ))
}

/// Checks a new password of a user of an instance against the rule of licence servers.
///
/// # Errors
/// 400 `weak_password` with all that is missing.
pub fn check_instance_password(user: &str, password: &str) -> Result<(), Problem> {
    let lacks = |kind: fn(char) -> bool| !password.chars().any(kind);
    let chars = password.chars().count();
    let table = [
        (!INSTANCE_CHARS.contains(&chars), "8 to 30 characters"),
        (lacks(|c| c.is_ascii_uppercase()), "an upper-case letter from A to Z"),
        (lacks(|c| c.is_ascii_lowercase()), "a lower-case letter from a to z"),
        (lacks(|c| c.is_ascii_digit()), "a digit"),
        (lacks(|c| INSTANCE_SPECIALS.contains(c)), "one of ( ^ * $ - + ? _ & = ! % { } / #"),
        (!lacks(|c| c.is_whitespace() || c.is_control()), "no space and no control character"),
        (password.to_lowercase() == user.to_lowercase(), "not to be the user's name"),
    ];
    let missing: Vec<&str> =
        table.into_iter().filter(|(is_missing, _)| *is_missing).map(|(_, text)| text).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Problem::new(Code::WeakPassword, format!("The password needs {}", missing.join(", "))))
}

/// How many of lower case, upper case, digits and others there are.
fn classes(password: &str) -> usize {
    let kinds: [fn(char) -> bool; 4] =
        [char::is_lowercase, char::is_uppercase, char::is_numeric, |c| !c.is_alphanumeric()];
    kinds.into_iter().filter(|kind| password.chars().any(kind)).count()
}

fn weak(detail: &'static str) -> Problem {
    Problem::new(Code::WeakPassword, detail)
}

/// A password that was made for a new administrator, to be shown once.
pub struct GeneratedPassword(String);

impl GeneratedPassword {
    /// # Errors
    /// 500 if the system gives no random bytes.
    pub(super) fn new() -> Result<Self, Problem> {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        Ok(Self(URL_SAFE_NO_PAD.encode(random::bytes::<15>()?)))
    }

    /// The password itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for GeneratedPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GeneratedPassword")
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::security::testing::CHEAP;

    #[tokio::test]
    async fn a_hash_fits_its_password_only() {
        let passwords = Passwords::new(CHEAP).unwrap();
        let hash = passwords.hash("correct horse battery").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        for (password, fits) in [("correct horse battery", true), ("wrong", false), ("", false)] {
            let slot = passwords.slot().await.unwrap();
            assert_eq!(passwords.verify(slot, password, Some(&hash)).await, Ok(fits));
        }
    }

    #[tokio::test]
    async fn nobody_has_a_password_of_the_same_cost() {
        let passwords = Passwords::new(CHEAP).unwrap();
        assert!(passwords.nobody.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        let slot = passwords.slot().await.unwrap();
        assert_eq!(passwords.verify(slot, "anything", None).await, Ok(false));
    }

    #[tokio::test]
    async fn a_damaged_hash_is_a_fault_of_the_server() {
        let passwords = Passwords::new(CHEAP).unwrap();
        let slot = passwords.slot().await.unwrap();
        let problem = passwords.verify(slot, "x", Some("garbage")).await.unwrap_err();
        assert_eq!(problem.code(), Code::Internal);
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let passwords = Passwords::new(CHEAP).unwrap();
        let held = [passwords.slot().await.unwrap(), passwords.slot().await.unwrap()];
        let mut waiting: Vec<_> = (0..WAITING_MAX).map(|_| Box::pin(passwords.slot())).collect();
        for future in &mut waiting {
            assert!(future.as_mut().now_or_never().is_none());
        }
        assert_eq!(passwords.slot().await.unwrap_err().code(), Code::Overloaded);
        drop(held);
    }

    #[test]
    fn the_rule_for_passwords() {
        let table = [
            ("short", false),
            ("alllowercas", false),
            ("alllowercase", true),
            ("lowerUPPER", false),
            ("Mixed123", true),
            ("mix-123", false),
            ("mix-1234", true),
            ("ÄÖÜäöü12", true),
            ("grace.hopper", false),
            ("GRACE.hopper", false),
        ];
        for (password, good) in table {
            assert_eq!(check_password("grace.hopper", password).is_ok(), good, "{password}");
        }
        assert!(check_password("ada", &"x".repeat(256)).is_ok());
        assert!(check_password("ada", &"x".repeat(257)).is_err());
    }

    #[test]
    fn the_rule_for_passwords_of_instances() {
        let table = [
            ("Secret-7", true),
            ("Secre-7", false),
            ("Secret-789012345678901234567890", false),
            ("Secret-78901234567890123456789", true),
            ("secret-7", false),
            ("SECRET-7", false),
            ("Secret-x", false),
            ("Secret77", false),
            ("Secret.7", false),
            ("Secret -7", false),
            ("Secret\t-7", false),
            ("", false),
            ("Über-Sä7", true),
            ("über-sä7", false),
        ];
        for (password, good) in table {
            assert_eq!(check_instance_password("ada", password).is_ok(), good, "{password}");
        }
        for special in INSTANCE_SPECIALS.chars() {
            assert!(check_instance_password("ada", &format!("Secret7{special}")).is_ok());
        }
        assert!(check_instance_password("secret-7", "Secret-7").is_err());
        let all = check_instance_password("ada", "é").unwrap_err();
        assert_eq!(all.detail().matches(", ").count(), 4, "{}", all.detail());
    }

    #[test]
    fn generated_passwords_are_good_and_not_printed() {
        let password = GeneratedPassword::new().unwrap();
        assert!(check_password("admin", password.expose()).is_ok());
        assert!(!format!("{password:?}").contains(password.expose()));
    }
}
