//! `licet user …`

use clap::Subcommand;
use licet_engine::{Clock, SystemClock};
use licet_protocol::{UserIn, UserOut, UserPatch};
use licet_server::{
    Problem,
    security::{Authenticator, Author, UserChange},
};

use crate::{
    context::Context,
    failure::{Exit, Failure},
    moment,
    output::{Table, or_dash},
    password::PasswordArgs,
    place::PlaceArgs,
    runtime,
};

/// Make, list and delete users, and set their passwords
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(Create),
    List(List),
    Delete(Delete),
    Password(SetPassword),
    ResetPassword(ResetPassword),
}

/// Make a user
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet user create grace --role CUSTOMER_ADMINISTRATOR --account NORTHWIND

The password is asked for, or taken from LICET_PASSWORD or standard input.")]
struct Create {
    /// Log-in name
    user: String,
    /// ADMINISTRATOR, PRODUCER, VIEWER, CUSTOMER_ADMINISTRATOR or CUSTOMER_VIEWER
    #[arg(long)]
    role: String,
    /// The customer that a user of a customer belongs to
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    #[command(flatten)]
    password: PasswordArgs,
}

/// List all users
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet user list")]
struct List {}

/// Delete a user; the user's tokens are refused from then on
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet user delete grace")]
struct Delete {
    /// Log-in name
    user: String,
}

/// Set the password of a user
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet user password grace

The password is asked for, or taken from LICET_PASSWORD or standard input.")]
struct SetPassword {
    /// Log-in name
    user: String,
    #[command(flatten)]
    password: PasswordArgs,
}

/// Set the password of a user in the store of a server that is stopped
#[derive(Debug, clap::Args)]
#[command(after_help = "\
For an administrator whose password is lost. It asks no server and needs no token, only the right
to write the store, and is written down in the audit log. Stop the server first.

Example:
  licet user reset-password admin --data /var/lib/licet

The password is asked for, or taken from LICET_PASSWORD or standard input.")]
struct ResetPassword {
    /// Log-in name
    user: String,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    password: PasswordArgs,
}

impl ResetPassword {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let (user, place) = (&self.user, self.place.place()?);
        place.require_journal()?;
        let refused =
            |problem: Problem| Failure::other(format!("user {user}: {}", problem.detail()));
        runtime::run(None, async {
            // Before the password is asked for, so that a running server is told of first.
            let store = place.open().await?;
            let result = async {
                let password = self.password.read(&format!("New password of {user}"))?;
                let authenticator = Authenticator::new(store.clone()).map_err(refused)?;
                let change = UserChange {
                    password: Some(password.reveal().to_owned()),
                    ..UserChange::default()
                };
                let author = Author::server(SystemClock.now_ms());
                authenticator.update_user(user, change, author).await.map_err(refused)
            };
            let result = result.await;
            store.close().await.map_err(|error| place.failure(&error))?;
            result
        })?;
        context.output.done(&format!("password of {user} set; start the server and log in"))
    }
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = match self.action {
            Action::ResetPassword(reset) => return reset.run(context).map(|()| Exit::Yes),
            _ => context.client()?,
        };
        match self.action {
            Action::ResetPassword(_) => {}
            Action::Create(create) => {
                let password = create.password.read(&format!("Password of {}", create.user))?;
                let user = UserIn {
                    user: create.user.into(),
                    password,
                    role: create.role.into(),
                    account_id: create.account.map(Into::into),
                };
                let user = client.create_user(&user)?;
                context.output.show(&user, |user| table([user]))?;
            }
            Action::List(List {}) => {
                let users = client.all_users()?;
                context.output.show(&users, |users| table(users))?;
            }
            Action::Delete(delete) => {
                client.delete_user(&delete.user)?;
                context.output.done(&format!("user {} deleted", delete.user))?;
            }
            Action::Password(set) => {
                let password = set.password.read(&format!("New password of {}", set.user))?;
                let patch = UserPatch { password: Some(password), ..UserPatch::default() };
                client.change_user(&set.user, &patch)?;
                context.output.done(&format!("password of {} set", set.user))?;
            }
        }
        Ok(Exit::Yes)
    }
}

fn table<'a>(users: impl IntoIterator<Item = &'a UserOut>) -> Table {
    Table::of(["user", "role", "account", "disabled", "created"], users, |user| {
        [
            user.user.clone(),
            user.role.clone(),
            or_dash(user.account_id.as_ref()),
            if user.disabled { "yes" } else { "no" }.to_owned(),
            moment::show(user.created.0),
        ]
    })
}
