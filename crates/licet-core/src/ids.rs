//! Typed ids. They come from outside: the core never draws one, it only counts on from a given
//! one when a command makes several.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        pub struct $name(pub Uuid);

        impl $name {
            /// The id `steps` after this one.
            #[must_use]
            pub fn plus(self, steps: usize) -> Self {
                Self(Uuid::from_u128(self.0.as_u128().wrapping_add(steps as u128)))
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id! {
    /// One customer's pool of rights.
    InstanceId
}
id! {
    /// A session of a client application.
    SessionId
}
id! {
    /// One operation that charged, refunded or refused.
    CorrelationId
}
id! {
    /// A condition of an instance.
    ConditionId
}
id! {
    /// An action of a line item.
    ActionId
}
