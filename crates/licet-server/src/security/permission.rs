use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a handler needs; a type of [`perm`], one for each [`Permission`].
pub trait Needs: Send + Sync + 'static {
    const PERMISSION: Permission;
}

macro_rules! permissions {
    ($($(#[doc = $doc:literal])+ $name:ident $text:literal;)+) => {
        /// What a caller may be allowed to do. Where, says its [`super::Scope`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Permission {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Permission {
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Stable name, for lists and messages.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }

        /// The permissions as types, to be named in a handler's signature.
        pub mod perm {
            $(
                $(#[doc = $doc])+
                #[derive(Debug, Clone, Copy)]
                pub struct $name;

                impl super::Needs for $name {
                    const PERMISSION: super::Permission = super::Permission::$name;
                }
            )+
        }
    };
}

permissions! {
    /// Upload, list and delete public keys.
    Keys "keys";
    /// List and read instances.
    InstancesRead "instances_read";
    /// Create instances.
    InstancesWrite "instances_write";
    /// List and read line items.
    LineItemsRead "line_items_read";
    /// Put and delete line items.
    LineItemsWrite "line_items_write";
    /// List rate tables.
    RateTablesRead "rate_tables_read";
    /// Post and delete rate tables.
    RateTablesWrite "rate_tables_write";
    /// Read the rules of access: conditions and actions.
    RulesRead "rules_read";
    /// Change the rules of access.
    RulesWrite "rules_write";
    /// List and read sessions.
    SessionsRead "sessions_read";
    /// Open, change, keep alive and close sessions; these charge and refund.
    SessionsWrite "sessions_write";
    /// Make one-off access requests; these charge.
    Access "access";
    /// Read the site's settings.
    ConfigurationRead "configuration_read";
    /// Change the site's settings.
    ConfigurationWrite "configuration_write";
    /// Read usage reports, summaries and exports.
    UsageRead "usage_read";
    /// List and read users.
    UsersRead "users_read";
    /// Create, change and delete users.
    UsersWrite "users_write";
    /// Read the audit log.
    AuditRead "audit_read";
    /// Take a backup of the whole store.
    Backup "backup";
    /// List features and the line items that grant them.
    FeaturesRead "features_read";
    /// Put and delete line items that grant features.
    FeaturesWrite "features_write";
    /// List served clients and their hosts.
    ClientsRead "clients_read";
    /// Drop served clients, which frees what they hold.
    ClientsDrop "clients_drop";
    /// List and read reservations.
    ReservationsRead "reservations_read";
    /// Add and delete reservations.
    ReservationsWrite "reservations_write";
    /// Read the model definition and its pools.
    ModelsRead "models_read";
    /// Upload and delete model definitions.
    ModelsWrite "models_write";
    /// Upload, list and delete the public keys of an instance's clients.
    LicensingKeys "licensing_keys";
    /// List and read the users of an instance.
    InstanceUsersRead "instance_users_read";
    /// Create, change and delete users of an instance.
    InstanceUsersWrite "instance_users_write";
    /// Read the settings of an instance.
    InstanceSettingsRead "instance_settings_read";
    /// Change those settings of an instance that its administrator may change.
    InstanceSettingsWrite "instance_settings_write";
    /// Change those settings of an instance that are the producer's.
    ProducerSettings "producer_settings";
    /// Suspend and resume an instance.
    Suspend "suspend";
    /// Exchange files with the back office in place of a connection.
    Offline "offline";
    /// Ask for features: borrow, renew, return and report.
    Serve "serve";
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of permissions; a number, so that asking costs nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct PermissionSet(u64);

impl PermissionSet {
    pub const ALL: Self = Self::of(Permission::ALL);

    #[must_use]
    pub const fn of(permissions: &[Permission]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < permissions.len() {
            bits |= 1 << permissions[index] as u64;
            index += 1;
        }
        Self(bits)
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u64) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// What a JWT of an administration key may do: everything (fact sheet, section 6).
pub const ADMINISTRATION_ACCESS: PermissionSet = PermissionSet::ALL;

/// What a JWT of a client key may do, on the instances in its `aud` (fact sheet, table 1.2,
/// rows marked C).
pub const CLIENT_ACCESS: PermissionSet = PermissionSet::of(&[
    Permission::LineItemsRead,
    Permission::RulesRead,
    Permission::RulesWrite,
    Permission::SessionsRead,
    Permission::SessionsWrite,
    Permission::Access,
    Permission::FeaturesRead,
    Permission::Serve,
]);

const PRODUCER: PermissionSet = PermissionSet::of(&[
    Permission::InstancesRead,
    Permission::InstancesWrite,
    Permission::LineItemsRead,
    Permission::LineItemsWrite,
    Permission::RateTablesRead,
    Permission::RateTablesWrite,
    Permission::RulesRead,
    Permission::RulesWrite,
    Permission::SessionsRead,
    Permission::SessionsWrite,
    Permission::Access,
    Permission::ConfigurationRead,
    Permission::UsageRead,
    Permission::AuditRead,
    Permission::FeaturesRead,
    Permission::FeaturesWrite,
    Permission::ClientsRead,
    Permission::ClientsDrop,
    Permission::ReservationsRead,
    Permission::ReservationsWrite,
    Permission::ModelsRead,
    Permission::ModelsWrite,
    Permission::InstanceSettingsRead,
    Permission::InstanceSettingsWrite,
    Permission::ProducerSettings,
    Permission::Suspend,
    Permission::Offline,
    Permission::Serve,
]);

const VIEWER: PermissionSet = PermissionSet::of(&[
    Permission::InstancesRead,
    Permission::LineItemsRead,
    Permission::RateTablesRead,
    Permission::RulesRead,
    Permission::SessionsRead,
    Permission::ConfigurationRead,
    Permission::UsageRead,
    Permission::FeaturesRead,
    Permission::ClientsRead,
    Permission::ReservationsRead,
    Permission::ModelsRead,
    Permission::InstanceSettingsRead,
]);

const CUSTOMER_ADMINISTRATOR: PermissionSet = PermissionSet::of(&[
    Permission::InstancesRead,
    Permission::LineItemsRead,
    Permission::RulesRead,
    Permission::RulesWrite,
    Permission::SessionsRead,
    Permission::SessionsWrite,
    Permission::UsageRead,
    Permission::UsersRead,
    Permission::UsersWrite,
    Permission::FeaturesRead,
    Permission::ClientsRead,
    Permission::ClientsDrop,
    Permission::ReservationsRead,
    Permission::ReservationsWrite,
    Permission::ModelsRead,
    Permission::ModelsWrite,
    Permission::LicensingKeys,
    Permission::InstanceUsersRead,
    Permission::InstanceUsersWrite,
    Permission::InstanceSettingsRead,
    Permission::InstanceSettingsWrite,
    Permission::Suspend,
    Permission::Offline,
]);

const CUSTOMER_VIEWER: PermissionSet = PermissionSet::of(&[
    Permission::InstancesRead,
    Permission::LineItemsRead,
    Permission::RulesRead,
    Permission::SessionsRead,
    Permission::UsageRead,
    Permission::FeaturesRead,
    Permission::ClientsRead,
    Permission::ReservationsRead,
    Permission::ModelsRead,
    Permission::InstanceSettingsRead,
]);

/// What a user is; a fixed set of permissions. On the wire and in the store
/// `CUSTOMER_ADMINISTRATOR` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Producer staff that may do everything.
    Administrator,
    /// Producer staff that runs the business: everything about customers, rates, features and
    /// usage, but neither keys, users, settings of the site nor backups.
    Producer,
    /// Producer staff that may look, not touch.
    Viewer,
    /// Runs one customer's account: sees what it has and uses, decides who may use it, and
    /// manages the account's users.
    CustomerAdministrator,
    /// Sees what one customer's account has and uses.
    CustomerViewer,
}

impl Role {
    pub const ALL: &[Self] = &[
        Self::Administrator,
        Self::Producer,
        Self::Viewer,
        Self::CustomerAdministrator,
        Self::CustomerViewer,
    ];

    #[must_use]
    pub const fn permissions(self) -> PermissionSet {
        match self {
            Self::Administrator => PermissionSet::ALL,
            Self::Producer => PRODUCER,
            Self::Viewer => VIEWER,
            Self::CustomerAdministrator => CUSTOMER_ADMINISTRATOR,
            Self::CustomerViewer => CUSTOMER_VIEWER,
        }
    }

    /// Whether users of this role belong to one account.
    #[must_use]
    pub const fn is_customer(self) -> bool {
        matches!(self, Self::CustomerAdministrator | Self::CustomerViewer)
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "ADMINISTRATOR",
            Self::Producer => "PRODUCER",
            Self::Viewer => "VIEWER",
            Self::CustomerAdministrator => "CUSTOMER_ADMINISTRATOR",
            Self::CustomerViewer => "CUSTOMER_VIEWER",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no role; the roles are ADMINISTRATOR, PRODUCER, VIEWER, CUSTOMER_ADMINISTRATOR and \
     CUSTOMER_VIEWER"
)]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.iter().copied().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns: Administrator and administration key, Producer, Viewer, CustomerAdministrator,
    /// CustomerViewer, client key.
    const TABLE: &[(Permission, &str)] = &[
        (Permission::Keys, "x....."),
        (Permission::InstancesRead, "xxxxx."),
        (Permission::InstancesWrite, "xx...."),
        (Permission::LineItemsRead, "xxxxxx"),
        (Permission::LineItemsWrite, "xx...."),
        (Permission::RateTablesRead, "xxx..."),
        (Permission::RateTablesWrite, "xx...."),
        (Permission::RulesRead, "xxxxxx"),
        (Permission::RulesWrite, "xx.x.x"),
        (Permission::SessionsRead, "xxxxxx"),
        (Permission::SessionsWrite, "xx.x.x"),
        (Permission::Access, "xx...x"),
        (Permission::ConfigurationRead, "xxx..."),
        (Permission::ConfigurationWrite, "x....."),
        (Permission::UsageRead, "xxxxx."),
        (Permission::UsersRead, "x..x.."),
        (Permission::UsersWrite, "x..x.."),
        (Permission::AuditRead, "xx...."),
        (Permission::Backup, "x....."),
        (Permission::FeaturesRead, "xxxxxx"),
        (Permission::FeaturesWrite, "xx...."),
        (Permission::ClientsRead, "xxxxx."),
        (Permission::ClientsDrop, "xx.x.."),
        (Permission::ReservationsRead, "xxxxx."),
        (Permission::ReservationsWrite, "xx.x.."),
        (Permission::ModelsRead, "xxxxx."),
        (Permission::ModelsWrite, "xx.x.."),
        (Permission::LicensingKeys, "x..x.."),
        (Permission::InstanceUsersRead, "x..x.."),
        (Permission::InstanceUsersWrite, "x..x.."),
        (Permission::InstanceSettingsRead, "xxxxx."),
        (Permission::InstanceSettingsWrite, "xx.x.."),
        (Permission::ProducerSettings, "xx...."),
        (Permission::Suspend, "xx.x.."),
        (Permission::Offline, "xx.x.."),
        (Permission::Serve, "xx...x"),
    ];

    #[test]
    fn roles_hold_what_the_table_says() {
        assert_eq!(TABLE.len(), Permission::ALL.len());
        let columns = [
            Role::Administrator.permissions(),
            Role::Producer.permissions(),
            Role::Viewer.permissions(),
            Role::CustomerAdministrator.permissions(),
            Role::CustomerViewer.permissions(),
            CLIENT_ACCESS,
        ];
        for (permission, row) in TABLE {
            let held: String = columns
                .iter()
                .map(|set| if set.contains(*permission) { 'x' } else { '.' })
                .collect();
            assert_eq!(&held, row, "{permission}");
        }
        assert_eq!(ADMINISTRATION_ACCESS, Role::Administrator.permissions());
    }

    #[test]
    fn roles_and_their_names_agree() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(*role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!("ROOT".parse::<Role>(), Err(UnknownRole));
    }

    #[test]
    fn marker_types_name_their_permission() {
        assert_eq!(<perm::LineItemsWrite as Needs>::PERMISSION, Permission::LineItemsWrite);
        assert_eq!(<perm::Backup as Needs>::PERMISSION, Permission::Backup);
    }
}
