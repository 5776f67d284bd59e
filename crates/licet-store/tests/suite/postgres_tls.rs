//! Stories of encryption, on a PostgreSQL server of their own.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
};

use licet_store::{Store, postgres::PostgresStore};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_postgres::NoTls;

/// A server whose certificate is for `localhost` alone, signed by an authority of its own.
struct Server {
    process: Child,
    /// Kept so that the server can go on writing its log.
    _log: BufReader<ChildStderr>,
    port: u16,
    directory: tempfile::TempDir,
}

/// Who runs the server: it refuses to be run by root.
struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// `None` if root has no account to run it with.
    fn for_server(directory: &Path) -> Option<Self> {
        let owner = fs::metadata(directory).unwrap();
        if owner.uid() != 0 {
            return Some(Self { user: owner.uid(), group: owner.gid() });
        }
        let id = |what| stdout(Command::new("id").args([what, "postgres"]))?.parse().ok();
        Some(Self { user: id("-u")?, group: id("-g")? })
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.uid(self.user).gid(self.group).env("LC_ALL", "C").current_dir("/");
        command
    }
}

fn stdout(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

fn make_certificates(directory: &Path) {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(directory.join(name), certificate.pem()).unwrap();
        Issuer::new(params, key)
    };
    let _stranger = authority("stranger.pem");
    let issuer = authority("ca.pem");
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    fs::write(directory.join("server.pem"), certificate.pem()).unwrap();
    fs::write(directory.join("server.key"), key.serialize_pem()).unwrap();
}

impl Server {
    /// `None` if PostgreSQL's programs are not on this machine.
    fn start() -> Option<Self> {
        let programs = PathBuf::from(stdout(Command::new("pg_config").arg("--bindir"))?);
        let directory = tempfile::tempdir().unwrap();
        let account = Account::for_server(directory.path())?;
        make_certificates(directory.path());
        let key = directory.path().join("server.key");
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        for path in [directory.path(), &key] {
            std::os::unix::fs::chown(path, Some(account.user), Some(account.group)).unwrap();
        }

        let data = directory.path().join("data");
        let mut making = account.command(&programs.join("initdb"));
        making.args(["--auth=trust", "--username=postgres", "--no-sync", "-D"]).arg(&data);
        stdout(&mut making)?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut serving = account.command(&programs.join("postgres"));
        serving.arg("-D").arg(&data).args(["-c", "ssl=on", "-c", "fsync=off"]);
        for (name, value) in [
            ("port", port.to_string()),
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("unix_socket_directories", directory.path().display().to_string()),
            ("ssl_cert_file", directory.path().join("server.pem").display().to_string()),
            ("ssl_key_file", key.display().to_string()),
        ] {
            serving.arg("-c").arg(format!("{name}={value}"));
        }
        let mut process = serving.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("ready to accept connections") {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "the server ended");
        }
        Some(Self { process, _log: log, port, directory })
    }

    fn url(&self, host: &str, parameters: &str) -> String {
        let parameters = parameters.replace("CERTS", &self.directory.path().display().to_string());
        format!("postgres://postgres@{host}:{}/postgres?{parameters}", self.port)
    }

    /// Whether the connections of a store opened with these parameters are encrypted.
    async fn is_encrypted(&self, host: &str, parameters: &str) -> bool {
        let store = PostgresStore::open(&self.url(host, parameters)).await.unwrap();
        let url = self.url("127.0.0.1", "");
        let (observer, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let sql = "SELECT bool_and(ssl), bool_or(ssl) FROM pg_stat_ssl
            JOIN pg_stat_activity USING (pid) WHERE application_name = 'licet'";
        let row = observer.query_one(sql, &[]).await.unwrap();
        let (all, any): (bool, bool) = (row.get(0), row.get(1));
        assert_eq!(all, any, "all connections are alike");
        store.close().await.unwrap();
        drop(store);
        // The next one must not see these connections.
        let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'licet'";
        while observer.query_one(count, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            tokio::task::yield_now().await;
        }
        all
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An immediate shutdown, which leaves no shared memory behind.
        let id = self.process.id().to_string();
        let _ = Command::new("kill").args(["-QUIT", &id]).status();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn connections_are_encrypted_and_checked_as_sslmode_says() {
    let Some(server) = Server::start() else {
        eprintln!("skipped: PostgreSQL's programs are not on this machine");
        return;
    };
    assert!(!server.is_encrypted("127.0.0.1", "sslmode=disable").await);
    for parameters in [
        "",
        "sslmode=prefer",
        "sslmode=require",
        "sslmode=require&sslrootcert=CERTS/ca.pem",
        "sslmode=verify-ca&sslrootcert=CERTS/ca.pem",
    ] {
        assert!(server.is_encrypted("127.0.0.1", parameters).await, "{parameters}");
    }
    let checked = "sslmode=verify-full&sslrootcert=CERTS/ca.pem";
    assert!(server.is_encrypted("localhost", checked).await);

    for (host, parameters) in [
        ("127.0.0.1", checked),
        ("localhost", "sslmode=verify-full&sslrootcert=CERTS/stranger.pem"),
        ("localhost", "sslmode=verify-ca&sslrootcert=CERTS/stranger.pem"),
        ("localhost", "sslmode=require&sslrootcert=CERTS/stranger.pem"),
        ("localhost", "sslmode=verify-full"),
    ] {
        let refused = PostgresStore::open(&server.url(host, parameters)).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("certificate"), "{parameters}: {refused}");
    }
}
