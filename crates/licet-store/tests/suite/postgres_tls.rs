//! Stories of encryption, on a PostgreSQL server of their own.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use licet_scratch::ScratchServer;
use licet_store::{Store, postgres::PostgresStore};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// A server whose certificate is for `localhost` alone, signed by an authority of its own.
struct Server(ScratchServer);

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
        let server = ScratchServer::start_with(|folder| {
            make_certificates(folder);
            let key = folder.join("server.key");
            fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
            let certificate = folder.join("server.pem");
            vec![
                "ssl=on".to_owned(),
                format!("ssl_cert_file={}", certificate.display()),
                format!("ssl_key_file={}", key.display()),
            ]
        });
        server.map(Self)
    }

    fn url(&self, host: &str, parameters: &str) -> String {
        let parameters = parameters.replace("CERTS", &self.0.folder().display().to_string());
        format!("postgres://postgres@{host}:{}/postgres?{parameters}", self.0.port())
    }

    /// Whether the connections of a store opened with these parameters are encrypted.
    async fn is_encrypted(&self, host: &str, parameters: &str) -> bool {
        let store = PostgresStore::open(&self.url(host, parameters)).await.unwrap();
        let observer = licet_scratch::connect(&self.0.url()).await.unwrap();
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

#[tokio::test]
async fn connections_are_encrypted_and_checked_as_sslmode_says() {
    let Some(server) = Server::start() else { return };
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
