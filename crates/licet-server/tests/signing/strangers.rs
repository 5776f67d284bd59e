//! Libraries of others verify what this server signs, with the keys that they fetch from it.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use licet_protocol::{SignedDocument, SigningAlgorithm};
use licet_server::Listener;
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    ALGORITHMS, sign,
    support::{DAY_MS, HOUR_MS, TestServer},
};

const FILES: [(&str, &str); 4] = [
    ("requirements.txt", include_str!("strangers/requirements.txt")),
    ("package.json", include_str!("strangers/package.json")),
    ("verify.py", include_str!("strangers/verify.py")),
    ("verify.mjs", include_str!("strangers/verify.mjs")),
];

/// A library, and how to run what verifies with it.
struct Stranger {
    name: &'static str,
    program: PathBuf,
    script: &'static str,
}

/// The folder in which they are installed, once for all runs of the tests.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("strangers")
}

/// Installs PyJWT and jose, unless they are there.
fn install() -> Result<Vec<Stranger>, String> {
    let folder = folder();
    let failed = |error: std::io::Error| error.to_string();
    fs::create_dir_all(&folder).map_err(failed)?;
    let lock = File::create(folder.join("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let is_installed = FILES.iter().all(|(name, text)| {
        fs::read_to_string(folder.join(name)).is_ok_and(|found| found == *text)
    });
    if !is_installed {
        run("python3", &["-m", "venv", "venv"])?;
        let pip = ["install", "--quiet", "--disable-pip-version-check", "-r"];
        write(&folder, "requirements.txt")?;
        run("venv/bin/pip", &[&pip[..], &["requirements.txt"]].concat())?;
        write(&folder, "package.json")?;
        run("npm", &["install", "--silent", "--no-audit", "--no-fund"])?;
        // The scripts last: they say that all is there.
        write(&folder, "verify.py")?;
        write(&folder, "verify.mjs")?;
    }
    Ok(vec![
        Stranger { name: "PyJWT", program: folder.join("venv/bin/python"), script: "verify.py" },
        Stranger { name: "jose", program: "node".into(), script: "verify.mjs" },
    ])
}

fn write(folder: &Path, name: &str) -> Result<(), String> {
    let found = FILES.iter().find(|(file, _)| *file == name);
    let (_, text) = found.ok_or_else(|| format!("there is no {name}"))?;
    fs::write(folder.join(name), text).map_err(|error| format!("{name}: {error}"))
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).current_dir(folder()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// Whoever verifies here; nobody, unless they are required, where they cannot be installed.
async fn strangers() -> Vec<Stranger> {
    match tokio::task::spawn_blocking(install).await.unwrap() {
        Ok(strangers) => strangers,
        Err(why) => {
            let is_required = std::env::var("LICET_REQUIRE_STRANGERS").is_ok_and(|set| set == "1");
            assert!(!is_required, "PyJWT and jose are required: {why}");
            eprintln!("skipped: PyJWT and jose cannot be installed: {why}");
            Vec::new()
        }
    }
}

impl Stranger {
    /// The payload of each document that fits, else null.
    async fn verify(&self, jwks: &str, documents: Vec<Value>) -> Vec<Value> {
        let task = json!({ "jwks": jwks, "documents": documents }).to_string();
        let mut command = Command::new(&self.program);
        command.arg(self.script).current_dir(folder());
        let name = self.name;
        let verifying = tokio::task::spawn_blocking(move || {
            let (stdin, stdout) = (Stdio::piped(), Stdio::piped());
            let mut child = command.stdin(stdin).stdout(stdout).spawn().unwrap();
            child.stdin.take().unwrap().write_all(task.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{name} failed");
            serde_json::from_slice(&output.stdout).unwrap()
        });
        verifying.await.unwrap()
    }
}

/// The server at an address of its own.
struct Running {
    jwks: String,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Running {
    async fn start(server: &TestServer) -> Self {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let jwks = format!("http://{}/.well-known/jwks.json", listener.address().unwrap());
        let router = licet_server::router(server.app.clone()).unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(listener.serve(router, async {
            // The sender goes when the test ends, and that is the signal.
            let _ = stopped.await;
        }));
        Self { jwks, stop, serving }
    }

    async fn stop(self) {
        drop(self.stop);
        self.serving.await.unwrap();
    }
}

fn value(document: &SignedDocument) -> Value {
    serde_json::from_slice(&document.to_json()).unwrap()
}

/// The same document with one byte of a part changed.
fn changed(document: &SignedDocument, part: &str, index: usize) -> Value {
    let mut value = value(document);
    let mut text = value[part].as_str().unwrap().to_owned();
    let other = if text.as_bytes()[index] == b'A' { "B" } else { "A" };
    text.replace_range(index..=index, other);
    value[part] = json!(text);
    value
}

async fn rotate(server: &TestServer, algorithm: SigningAlgorithm) {
    let body = json!({ "algorithm": algorithm, "activateAfterSeconds": 3_600 });
    server.admin().post("/operations/api/v1/signing-keys", &body).await.is(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_verify_what_is_signed_before_and_after_a_rotation() {
    let strangers = strangers().await;
    if strangers.is_empty() {
        return;
    }
    let server = TestServer::start().await;
    let running = Running::start(&server).await;
    let (mut good, mut bad, mut payloads) = (Vec::new(), Vec::new(), Vec::new());
    for round in ["before", "while both are published", "after"] {
        for algorithm in ALGORITHMS {
            let payload = json!({ "round": round, "algorithm": algorithm, "text": "ä€\u{1f512}" });
            let document = sign(&server, algorithm, &payload).await;
            for (part, index) in [("payload", 5), ("signature", 5), ("protected", 9)] {
                bad.push(changed(&document, part, index));
            }
            good.push(value(&document));
            payloads.push(payload);
            if round == "before" {
                rotate(&server, algorithm).await;
            }
        }
        server.pass(if round == "before" { HOUR_MS / 2 } else { HOUR_MS });
    }
    let signers: std::collections::BTreeSet<_> = good
        .iter()
        .map(|document| serde_json::from_value::<SignedDocument>(document.clone()).unwrap())
        .map(|document| document.header().unwrap().kid)
        .collect();
    assert_eq!(signers.len(), 4, "each algorithm has had two keys");
    for stranger in &strangers {
        let verified = stranger.verify(&running.jwks, good.clone()).await;
        assert_eq!(verified, payloads, "{}", stranger.name);
        let verified = stranger.verify(&running.jwks, bad.clone()).await;
        assert!(verified.iter().all(Value::is_null), "{}: {verified:?}", stranger.name);
    }

    // When the overlap is over, what the old keys signed is nobody's.
    server.pass(31 * DAY_MS);
    for stranger in &strangers {
        let verified = stranger.verify(&running.jwks, good.clone()).await;
        let fits: Vec<bool> = verified.iter().map(|payload| !payload.is_null()).collect();
        assert_eq!(fits, [false, false, false, false, true, true], "{}", stranger.name);
    }
    running.stop().await;
}
