use std::{fmt, str::FromStr};

use licet_protocol::InstanceRole;

use super::permission::{Permission, PermissionSet};

/// What everybody may who may anything at all.
const READ: PermissionSet = PermissionSet::of(&[
    Permission::FeaturesRead,
    Permission::ClientsRead,
    Permission::ReservationsRead,
    Permission::ModelsRead,
    Permission::InstanceSettingsRead,
    Permission::UsageRead,
]);

const RESERVATIONS: PermissionSet =
    PermissionSet::of(&[Permission::ReservationsRead, Permission::ReservationsWrite]);

const DROP_CLIENT: PermissionSet =
    PermissionSet::of(&[Permission::ClientsRead, Permission::ClientsDrop]);

const ADMIN: PermissionSet = PermissionSet::of(&[
    Permission::ModelsRead,
    Permission::ModelsWrite,
    Permission::LicensingKeys,
    Permission::InstanceUsersRead,
    Permission::InstanceUsersWrite,
    Permission::InstanceSettingsRead,
    Permission::InstanceSettingsWrite,
    Permission::Suspend,
]);

fn permissions(role: InstanceRole) -> PermissionSet {
    match role {
        InstanceRole::Read => READ,
        InstanceRole::Reservations => RESERVATIONS,
        InstanceRole::DropClient => DROP_CLIENT,
        InstanceRole::Admin => ADMIN,
        InstanceRole::Offline => PermissionSet::of(&[Permission::Offline]),
        InstanceRole::Capability => PermissionSet::of(&[Permission::Serve]),
        InstanceRole::Producer => PermissionSet::of(&[Permission::ProducerSettings]),
    }
}

/// The roles that have a permission.
pub(super) fn roles_with(permission: Permission) -> Vec<InstanceRole> {
    let has_it = |role: &InstanceRole| permissions(*role).contains(permission);
    InstanceRole::ALL.iter().copied().filter(has_it).collect()
}

/// The roles of a user of an instance; never empty, ordered, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRoles(Vec<InstanceRole>);

impl InstanceRoles {
    /// No role is as good as `ROLE_READ`.
    #[must_use]
    pub fn new(mut roles: Vec<InstanceRole>) -> Self {
        if roles.is_empty() {
            roles.push(InstanceRole::Read);
        }
        roles.sort_unstable();
        roles.dedup();
        Self(roles)
    }

    /// Those of the built-in user `admin`.
    #[must_use]
    pub fn of_admin() -> Self {
        Self::new(vec![
            InstanceRole::Admin,
            InstanceRole::Offline,
            InstanceRole::Reservations,
            InstanceRole::DropClient,
            InstanceRole::Read,
        ])
    }

    /// Those of the built-in user `producer`: every one.
    #[must_use]
    pub fn of_producer() -> Self {
        Self::new(InstanceRole::ALL.to_vec())
    }

    #[must_use]
    pub fn as_slice(&self) -> &[InstanceRole] {
        &self.0
    }

    #[must_use]
    pub fn permissions(&self) -> PermissionSet {
        let sets = self.0.iter().map(|role| permissions(*role));
        sets.fold(PermissionSet::default(), PermissionSet::union)
    }
}

/// As the store keeps them, and tokens of clients may carry them.
impl fmt::Display for InstanceRoles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|role| role.as_str()).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for InstanceRoles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(Self::new(names.map(str::parse).collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns: READ, RESERVATIONS, DROPCLIENT, ADMIN, OFFLINE, CAPABILITY, PRODUCER, the user
    /// `admin`, the user `producer`. What stands in no row no role has.
    const TABLE: &[(Permission, &str)] = &[
        (Permission::FeaturesRead, "x......xx"),
        (Permission::ClientsRead, "x.x....xx"),
        (Permission::ClientsDrop, "..x....xx"),
        (Permission::ReservationsRead, "xx.....xx"),
        (Permission::ReservationsWrite, ".x.....xx"),
        (Permission::ModelsRead, "x..x...xx"),
        (Permission::ModelsWrite, "...x...xx"),
        (Permission::LicensingKeys, "...x...xx"),
        (Permission::InstanceUsersRead, "...x...xx"),
        (Permission::InstanceUsersWrite, "...x...xx"),
        (Permission::InstanceSettingsRead, "x..x...xx"),
        (Permission::InstanceSettingsWrite, "...x...xx"),
        (Permission::ProducerSettings, "......x.x"),
        (Permission::Suspend, "...x...xx"),
        (Permission::Offline, "....x..xx"),
        (Permission::Serve, ".....x..x"),
        (Permission::UsageRead, "x......xx"),
    ];

    #[test]
    fn roles_hold_what_the_table_says() {
        let mut columns: Vec<_> =
            InstanceRole::ALL.iter().map(|role| InstanceRoles::new(vec![*role])).collect();
        columns.extend([InstanceRoles::of_admin(), InstanceRoles::of_producer()]);
        for permission in Permission::ALL {
            let held: String = columns
                .iter()
                .map(|roles| if roles.permissions().contains(*permission) { 'x' } else { '.' })
                .collect();
            let row = TABLE.iter().find(|(known, _)| known == permission);
            assert_eq!(held, row.map_or(".........", |(_, row)| row), "{permission}");
        }
    }

    #[test]
    fn a_set_is_read_as_it_is_written() {
        let roles: InstanceRoles = "ROLE_READ, ROLE_ADMIN,ROLE_READ".parse().unwrap();
        assert_eq!(roles.to_string(), "ROLE_READ,ROLE_ADMIN");
        assert_eq!(roles.to_string().parse(), Ok(roles));
        assert_eq!("".parse::<InstanceRoles>().unwrap().to_string(), "ROLE_READ");
        assert!("ROLE_ROOT".parse::<InstanceRoles>().is_err());
    }
}
