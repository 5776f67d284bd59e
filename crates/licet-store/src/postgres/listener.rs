//! Notices of what other processes change in the tables of the site.

use std::{future::poll_fn, time::Duration};

use tokio::{
    sync::{broadcast, mpsc},
    task::JoinHandle,
};
use tokio_postgres::{AsyncMessage, Connection, Error, Socket, tls::TlsStream};

use super::{
    database::{Database, Role},
    failure::describe,
};
use crate::SiteChange;

/// Tells a change, named $1, when the transaction is committed. A channel belongs to the whole
/// database, so the notice says which schema's site has changed.
pub(super) const NOTIFY: &str =
    "SELECT pg_notify('licet_site', current_schema() || ' ' || $1::text)";

/// Notices that a listener may be behind by before it must read everything again.
const NOTICES_MAX: usize = 256;

const RECONNECT_AFTER: Duration = Duration::from_millis(200);

impl SiteChange {
    /// As notices carry it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Terms => "terms",
            Self::Keys => "keys",
            Self::SigningKeys => "signing-keys",
            Self::Users => "users",
        }
    }
}

/// Hears the notices of all processes, its own among them.
pub(super) struct Listener {
    notices: broadcast::Sender<SiteChange>,
    task: JoinHandle<()>,
}

impl Listener {
    pub(super) fn start(database: &Database) -> Self {
        let (notices, _) = broadcast::channel(NOTICES_MAX);
        let task = tokio::spawn(listen_on(database.clone(), notices.clone()));
        Self { notices, task }
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<SiteChange> {
        self.notices.subscribe()
    }

    pub(super) fn close(&self) {
        self.task.abort();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}

async fn listen_on(database: Database, notices: broadcast::Sender<SiteChange>) {
    loop {
        if let Err(error) = listen(&database, &notices).await {
            tracing::warn!(error = describe(&error), "changes of the site are not heard");
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

/// Listens until the connection ends.
async fn listen(database: &Database, notices: &broadcast::Sender<SiteChange>) -> Result<(), Error> {
    let (client, connection) = database.connect_raw(Role::Listen).await?;
    let (hearing, mut heard) = mpsc::channel(NOTICES_MAX);
    tokio::spawn(hear(connection, hearing));
    let schema: String =
        client.query_one("SELECT current_schema()::text", &[]).await?.try_get(0)?;
    client.batch_execute("LISTEN licet_site").await?;
    // Something may have been missed while nobody listened.
    SiteChange::ALL.into_iter().for_each(|change| tell(notices, change));
    while let Some(payload) = heard.recv().await {
        if let Some((of, name)) = payload.rsplit_once(' ')
            && of == schema
            && let Some(change) = SiteChange::ALL.into_iter().find(|change| change.name() == name)
        {
            tell(notices, change);
        }
    }
    Ok(())
}

/// Drives a connection, and hands on the notices that it brings.
async fn hear<T: TlsStream + Unpin>(
    mut connection: Connection<Socket, T>,
    hearing: mpsc::Sender<String>,
) {
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            // Nobody may be there any more; the connection still has to end in order.
            Ok(AsyncMessage::Notification(notice)) => {
                let _ = hearing.send(notice.payload().to_owned()).await;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = describe(&error), "changes of the site are not heard");
                return;
            }
        }
    }
}

fn tell(notices: &broadcast::Sender<SiteChange>, change: SiteChange) {
    // There may be nobody to tell.
    let _ = notices.send(change);
}
