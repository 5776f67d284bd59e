//! A licet server of its own to be measured, and what a producer sets up on it.

use std::{net::SocketAddr, path::Path, process::Command, rc::Rc, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;

use crate::{
    Error,
    http::{self, Request},
    load::Target,
    process::{Lines, Process},
    stopwatch::now,
    tokens::used_micros,
};

/// Signs tokens of programs, as a producer does.
pub trait ClientKey {
    /// Id of the key, which every token names.
    fn id(&self) -> &str;
    /// The public half, PEM.
    fn public_pem(&self) -> &str;
    /// A token for one instance.
    ///
    /// # Errors
    /// Why it cannot be signed.
    fn token(&self, instance_id: Uuid) -> Result<String, String>;
}

/// The item that is asked for, at one token a unit.
pub(crate) const ITEM: &str = "Render";
/// Series whose tables do not price [`ITEM`].
pub(crate) const OTHER_SERIES: &str = "Other";
/// More tokens than any run uses.
pub(crate) const PLENTY: u64 = 1_000_000_000_000;
const END_MS: i64 = 253_402_300_799_999;
const CATCH_UP_MAX: Duration = Duration::from_secs(300);
const START_MAX: Duration = Duration::from_secs(60);
const LAG_POLL: Duration = Duration::from_millis(5);

/// A running server with prices and a client key.
pub(crate) struct Site {
    pub(crate) process: Process,
    /// The database server behind it, if that is known.
    database: Option<Process>,
    pub(crate) address: SocketAddr,
    admin_token: String,
    key: Rc<dyn ClientKey>,
    _lines: Lines,
    /// Goes after the process that writes into it.
    _folder: TempDir,
}

/// A line item to be put.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineItem<'a> {
    pub(crate) activation_id: &'a str,
    pub(crate) series: &'a str,
    pub(crate) quantity: u64,
    /// Of two, the one that ends earlier is consumed first.
    pub(crate) ends_before_last_ms: i64,
}

impl LineItem<'_> {
    /// One that never runs out.
    pub(crate) const PLENTIFUL: Self =
        Self { activation_id: "L", series: "", quantity: PLENTY, ends_before_last_ms: 0 };

    pub(crate) fn body(&self) -> String {
        let body = json!({
            "activationId": self.activation_id, "state": "DEPLOYED", "quantity": self.quantity,
            "start": 0, "end": END_MS - self.ends_before_last_ms,
            "attributes": { "elastic": true, "rateTableSeries": self.series },
        });
        body.to_string()
    }
}

impl Site {
    /// Starts `licet serve` with these arguments and sets prices and key up. `folder` goes when
    /// the server has ended; `database` is the server that works for it, if there is one.
    ///
    /// # Errors
    /// [`Error::Absent`] if it does not come up, with the reason that it gave.
    pub(crate) async fn start(
        program: &Path,
        arguments: &[&str],
        (folder, database): (TempDir, Option<Process>),
        key: Rc<dyn ClientKey>,
    ) -> Result<Self, Error> {
        let password = Uuid::new_v4().to_string();
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn"]).args(arguments);
        // What is set for the operator's own server is not meant for this one.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LICET_") {
                command.env_remove(name);
            }
        }
        command.env("LICET_ADMIN_PASSWORD", &password);
        command.env("LICET_MASTER_KEY_FILE", folder.path().join("master.key"));
        let (process, mut lines) = Process::start(&mut command, &folder.path().join("log"))?;
        let address = first_address(&mut lines).await;
        let Some(address) = address else {
            // The value of the option may hold a password.
            let (option, why) = (arguments.first().unwrap_or(&""), process.complaint());
            return Err(Error::Absent(format!("licet serve {option} ended: {why}")));
        };
        let admin_token = String::new();
        let mut site =
            Self { process, database, address, admin_token, key, _lines: lines, _folder: folder };
        site.set_up(&password).await?;
        Ok(site)
    }

    async fn set_up(&mut self, password: &str) -> Result<(), Error> {
        let log_in = json!({ "user": "admin", "password": password });
        let answer = self.call("POST", "/operations/api/v1/authorize", Some(&log_in)).await?;
        let token = answer.get("token").and_then(Value::as_str);
        let none = || Error::Wrong("a log-in gave no token".to_owned());
        self.admin_token = token.ok_or_else(none)?.to_owned();
        let key = json!([{ "id": self.key.id(), "publicKey": self.key.public_pem() }]);
        self.call("PUT", "/api/v1.1/client-keys", Some(&key)).await?;
        for (series, item) in [("", ITEM), (OTHER_SERIES, "Export")] {
            let table = json!({
                "series": series, "version": "1", "effectiveFrom": 0,
                "items": [{ "name": item, "version": "", "rate": 1 }],
            });
            self.call("POST", "/provisioning/api/v1.1/rate-tables", Some(&table)).await?;
        }
        Ok(())
    }

    /// One call of the producer; the answer's JSON, or null.
    ///
    /// # Errors
    /// [`Error::Wrong`] if it is refused.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let request = self.admin_request(method, path);
        let request = match body {
            Some(body) => request.json(&body.to_string()),
            None => request.empty(),
        };
        let (status, body) = exchange(self.address, &request).await?;
        if !(200..300).contains(&status) {
            let body = String::from_utf8_lossy(&body);
            return Err(Error::Wrong(format!("{method} {path}: {status} {body}")));
        }
        let read = || serde_json::from_slice(&body).map_err(|error| Error::failed(path, &error));
        if body.is_empty() { Ok(Value::Null) } else { read() }
    }

    /// A request of the producer.
    pub(crate) fn admin_request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, path);
        if self.admin_token.is_empty() { request } else { request.bearer(&self.admin_token) }
    }

    pub(crate) fn token(&self, instance_id: Uuid) -> Result<String, Error> {
        self.key.token(instance_id).map_err(Error::Failed)
    }

    /// The processes whose time goes into its answers.
    pub(crate) fn processes(&self) -> Vec<&Process> {
        [Some(&self.process), self.database.as_ref()].into_iter().flatten().collect()
    }

    /// So many connections to it.
    pub(crate) fn target(&self, connections: usize) -> Target {
        Target { address: self.address, reader: http::read, connections }
    }

    /// An instance with a line item that never runs out.
    pub(crate) async fn instance(&self, name: &str) -> Result<Uuid, Error> {
        let instance_id = self.empty_instance(name).await?;
        self.put_line_item(instance_id, LineItem::PLENTIFUL).await?;
        Ok(instance_id)
    }

    pub(crate) async fn empty_instance(&self, name: &str) -> Result<Uuid, Error> {
        let body = json!({ "shortName": name, "accountId": name });
        let made = self.call("POST", INSTANCES_PATH, Some(&body)).await?;
        let id = made.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        id.ok_or_else(|| Error::Wrong(format!("an instance has no id: {made}")))
    }

    pub(crate) async fn put_line_item(
        &self,
        instance_id: Uuid,
        line_item: LineItem<'_>,
    ) -> Result<(), Error> {
        let request = self.admin_request("PUT", &line_items_path(instance_id));
        let request = request.json(&line_item.body());
        let (status, body) = exchange(self.address, &request).await?;
        let complaint = || Error::Wrong(format!("{status} {}", String::from_utf8_lossy(&body)));
        if status < 300 { Ok(()) } else { Err(complaint()) }
    }

    /// Tokens used of all line items of an instance, in millionths.
    pub(crate) async fn used_micros(&self, instance_id: Uuid) -> Result<u64, Error> {
        let request = self.admin_request("GET", &line_items_path(instance_id)).empty();
        let (status, body) = exchange(self.address, &request).await?;
        match status {
            200 => Ok(used_micros(&body)),
            _ => Err(Error::Wrong(format!("{status} {}", String::from_utf8_lossy(&body)))),
        }
    }

    /// Waits until the projector has caught up; how long that took. Unless somebody asks for a
    /// report it has no reason to hurry.
    ///
    /// # Errors
    /// [`Error::Wrong`] if it has not within five minutes.
    pub(crate) async fn caught_up(&self) -> Result<Duration, Error> {
        let began_at = now();
        // A report that was not ready in time is no failure here: how far it is shows below.
        exchange(self.address, &self.admin_request("GET", REPORT_PATH).empty()).await?;
        loop {
            let lag = projector_lag(self.address).await?;
            let waited = now() - began_at;
            if lag == 0 {
                return Ok(waited);
            }
            if waited > CATCH_UP_MAX {
                return Err(Error::Wrong(format!("the projector stays {lag} places behind")));
            }
            tokio::time::sleep(LAG_POLL).await;
        }
    }
}

/// A report with few rows.
const REPORT_PATH: &str = "/usage/api/v1/consumers?from=0&to=1";

pub(crate) const INSTANCES_PATH: &str = "/provisioning/api/v1.1/instances";

pub(crate) fn line_items_path(instance_id: Uuid) -> String {
    format!("{INSTANCES_PATH}/{instance_id}/line-items")
}

/// How many places of the journal the projector of a server is behind.
pub(crate) async fn projector_lag(address: SocketAddr) -> Result<u64, Error> {
    let (_, body) = exchange(address, &Request::new("GET", "/readyz").empty()).await?;
    let health: Option<Value> = serde_json::from_slice(&body).ok();
    let lag = health.as_ref().and_then(|health| health.get("projectorLag")?.as_u64());
    lag.ok_or_else(|| Error::Wrong(format!("no lag: {}", String::from_utf8_lossy(&body))))
}

/// The address in the first line that a child writes, `… at http://127.0.0.1:7070`.
pub(crate) async fn first_address(lines: &mut Lines) -> Option<SocketAddr> {
    let line = tokio::time::timeout(START_MAX, lines.recv()).await.ok()??;
    line.rsplit_once("http://")?.1.trim().parse().ok()
}

/// One request on a connection of its own; status and body of the answer.
async fn exchange(address: SocketAddr, request: &[u8]) -> Result<(u16, Vec<u8>), Error> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let mut input = Vec::with_capacity(16 << 10);
    loop {
        let bytes = stream.read_buf(&mut input).await?;
        if let Some(answer) = http::read(&input).map_err(Error::Wrong)? {
            return Ok((answer.status, answer.content().into_owned()));
        }
        if bytes == 0 {
            return Err(Error::Failed("the server closed the connection".to_owned()));
        }
    }
}
