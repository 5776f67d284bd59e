use std::{
    io::{self, IsTerminal},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use licet_engine::{Clock, SystemClock};
use licet_server::{Server, ServerOptions, security::MasterKey};
use licet_store::sqlite::SqliteStore;

use super::serve::{LogFormat, start_log};
use crate::{
    context::Context,
    demo::{ADMIN_PASSWORD, Crowd, Scenery, Ticker},
    failure::{Exit, Failure},
    jwt::{Algorithm, Claims, Confirmation, Jwk, Pair, Signer},
    runtime,
};

const AFTER_HELP: &str = "\
It keeps nothing: the store is a scratch folder that goes when the demo ends.

Example:
  licet demo
  licet demo --listen 127.0.0.1:8080 --seconds 60";

const TOKEN_TTL_S: i64 = 7 * 86_400;

/// Run a server with sample customers and a crowd of simulated clients
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, env = "LICET_LISTEN", default_value = "127.0.0.1:7070", value_name = "ADDR")]
    listen: SocketAddr,
    /// End by itself after so many seconds
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Leave the crowd out
    #[arg(long)]
    quiet: bool,
}

/// What the demo's own thread hands back when everything is set up.
struct Stage {
    scenery: Scenery,
    client_token: String,
    crowd: Option<Crowd>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        start_log("warn", LogFormat::Text)?;
        let scratch = tempfile::tempdir()
            .map_err(|error| Failure::other(format!("no scratch folder can be made: {error}")))?;
        runtime::run(None, async {
            let store = SqliteStore::open(scratch.path())
                .map_err(|error| Failure::other(error.to_string()))?;
            let options = ServerOptions {
                listen: self.listen,
                admin_password: Some(ADMIN_PASSWORD.to_owned()),
                ..ServerOptions::default()
            };
            let master_key = MasterKey::random()?;
            let server = Server::start(store, Arc::new(SystemClock), master_key, options).await?;
            let (url, engine) = (server.url(), server.app().engine.clone());
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            let serving = tokio::spawn(server.run(async {
                // The sender goes when the demo ends, and that is the signal.
                let _ = stopped.await;
            }));
            let stage = tokio::task::spawn_blocking({
                let (url, with_crowd) = (url.clone(), !self.quiet);
                move || set_up(&url, with_crowd)
            });
            let Stage { scenery, client_token, crowd } =
                stage.await.map_err(|error| Failure::other(error.to_string()))??;
            context.output.text(&welcome(&url, &scenery, &client_token))?;
            // In a file, lines of a demo without a crowd would say nothing, each second.
            let is_live = !self.quiet || io::stderr().is_terminal();
            let ticker = is_live.then(|| tokio::spawn(Ticker::default().run(engine)));
            self.wait().await;
            if let Some(ticker) = ticker {
                ticker.abort();
            }
            let leave = tokio::task::spawn_blocking(|| crowd.map(Crowd::stop));
            leave.await.map_err(|error| Failure::other(error.to_string()))?;
            drop(stop);
            serving.await.map_err(|error| Failure::other(error.to_string()))??;
            Ok(Exit::Yes)
        })
    }

    async fn wait(&self) {
        let seconds = self.seconds.unwrap_or(u64::MAX / 1_000);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
            () = runtime::until_told_to_stop() => {}
        }
    }
}

/// Everything that a producer does first, over HTTP.
fn set_up(url: &str, with_crowd: bool) -> Result<Stage, Failure> {
    let now_ms = SystemClock.now_ms();
    let unsigned = |_| Failure::other("the system gives no random numbers");
    let pair = Pair::generate(Algorithm::Ed25519).map_err(unsigned)?;
    let scenery = Scenery::build(url, now_ms, &pair.public_pem)?;
    let signer = Signer::from_pem(&pair.private_pem).map_err(Failure::other)?;
    let tokens: Result<Vec<String>, String> = scenery
        .customers
        .iter()
        .map(|customer| {
            let instance_id = customer.instance_id.to_string();
            signer.mint(&claims(instance_id, now_ms / 1_000))
        })
        .collect();
    let tokens = tokens.map_err(Failure::other)?;
    let crowd = if with_crowd { Some(Crowd::start(url, &scenery, &tokens)?) } else { None };
    Ok(Stage { client_token: tokens[0].clone(), scenery, crowd })
}

fn claims(instance_id: String, now_s: i64) -> Claims {
    let jwk = Jwk { kid: Scenery::client_key_id().to_owned(), kty: "CLIENT" };
    Claims {
        iss: "https://demo.licet.invalid".to_owned(),
        iat: now_s,
        nbf: now_s,
        exp: now_s + TOKEN_TTL_S,
        aud: vec![instance_id],
        cnf: Confirmation { jwk },
    }
}

fn welcome(url: &str, scenery: &Scenery, client_token: &str) -> String {
    let northwind = &scenery.customers[0];
    let (account_id, instance_id) = (northwind.account_id, northwind.instance_id);
    let admin_token = &scenery.admin_token;
    format!(
        "licet demo at {url}

  browse the API   {url}/docs
  log in           user admin, password {ADMIN_PASSWORD}

Try one of these in another terminal.

1. A program of {account_id} burns tokens:
curl -s {url}/elastic/api/v1.1/instances/{instance_id}/access-request \\
  -H 'authorization: Bearer {client_token}' -H 'content-type: application/json' \\
  -d '{{\"requester\":{{\"type\":\"user\",\"value\":\"you\",\"dictionary\":{{\"department\":\"engineering\"}}}},\"requestedItems\":[{{\"item\":\"Render\",\"version\":\"2.0\",\"count\":2}}]}}'

2. The producer looks at what {account_id} has left:
curl -s {url}/provisioning/api/v1.1/instances/{instance_id}/line-items \\
  -H 'authorization: Bearer {admin_token}'

3. Every token is accounted for:
curl -s '{url}/data/api/v1/report/usage?instanceId={instance_id}&format=csv' \\
  -H 'authorization: Bearer {admin_token}' | tail -5

Stop with Ctrl-C. What happens:"
    )
}
