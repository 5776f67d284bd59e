//! Who is calling, and what may that caller do.
//!
//! A handler states what it needs in its signature: [`Authorized<perm::LineItemsWrite>`]. The
//! extractor asks the [`Authenticator`] who the caller is and checks the permission; the handler
//! then asks the [`Principal`] what part of the site it sees. What a caller may not see is
//! answered 404, as if it were absent.
//!
//! Nothing in here reads a clock: time is a parameter, POSIX milliseconds. Nothing here logs a
//! token, a password or a private key.

mod audit;
mod authenticator;
mod cache;
mod cookie;
mod digest;
mod extract;
mod instance_log_in;
mod instance_role;
mod instance_users;
mod jwt;
mod key_ring;
mod keys;
mod licensing_jwt;
mod licensing_keys;
mod lockout;
mod master_key;
mod origin;
mod passwords;
mod pem;
mod permission;
mod policies;
mod principal;
mod producer_user;
mod random;
mod thumbprint;
mod tokens;
mod users;

#[cfg(test)]
pub(crate) mod testing;

pub use audit::Author;
pub use authenticator::{Authenticator, SecurityOptions};
pub(crate) use cookie::session_token;
pub use cookie::{SESSION_COOKIE, clear_session_cookie, session_cookie};
pub(crate) use digest::sha256;
pub use extract::{Authenticated, Authorized, Shown, presented_token};
pub(crate) use extract::{authorization, from_cookie};
pub use instance_role::InstanceRoles;
pub use instance_users::{InstanceUser, InstanceUserChange, NewInstanceUser};
pub use jwt::{JWT_BYTES_MAX, LEEWAY_MS};
pub use keys::{KeyError, PublicKey, PublicKeys};
pub use licensing_keys::LicensingKey;
pub(crate) use master_key::Unsealable;
pub use master_key::{MasterKey, MasterKeyError, MasterKeySource};
pub use origin::{Origin, OverTls};
pub use passwords::{GeneratedPassword, HashCost, check_instance_password, check_password};
pub use pem::PemError;
pub use permission::{
    ADMINISTRATION_ACCESS, CLIENT_ACCESS, Needs, Permission, PermissionSet, Role, UnknownRole, perm,
};
pub use policies::SecurityPolicies;
pub use principal::{Caller, Principal, Scope};
pub use producer_user::ProducerUser;
pub(crate) use thumbprint::{ed25519_jwk, rsa_jwk, thumbprint_of};
pub use tokens::{IssuedToken, TOKEN_TTL_MS};
pub use users::{NewUser, User, UserChange};
