use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::skip;

/// A PostgreSQL server of its own, on a folder of its own, for tests that stop it under load. It
/// is stopped when this is dropped.
#[derive(Debug)]
pub struct ScratchServer {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    /// Of the configuration, `name=value`.
    settings: Vec<String>,
}

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Open transactions are rolled back.
    Fast,
    /// As at a power cut; it recovers when it starts again.
    Immediate,
}

impl ScratchServer {
    /// `None`, and a word about it, if PostgreSQL's programs are not installed.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_with(|_| Vec::new())
    }

    /// The same with what `prepare` puts into the server's folder, and the settings (`name=value`)
    /// that it answers with.
    #[must_use]
    pub fn start_with(prepare: impl FnOnce(&Path) -> Vec<String>) -> Option<Self> {
        let Some(programs) = programs() else {
            skip("PostgreSQL's programs are not installed");
            return None;
        };
        let folder = tempfile::tempdir().expect("a scratch folder");
        let settings = prepare(folder.path());
        if is_root() {
            // PostgreSQL does not run as root.
            run(Command::new("chown").args(["-R", "postgres"]).arg(folder.path()));
        }
        let server = Self { programs, folder, port: free_port(), settings };
        let data = server.data();
        server.run("initdb", &["-A", "trust", "-U", "postgres", "-N", "-D", &data]);
        server.up();
        Some(server)
    }

    /// Address of the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it, and returns when it takes connections.
    pub fn up(&self) {
        let sockets = self.folder.path().display();
        let settings: String =
            self.settings.iter().map(|setting| format!(" -c {setting}")).collect();
        let options = format!("-p {} -h 127.0.0.1 -k {sockets}{settings}", self.port);
        let log = self.folder.path().join("log").display().to_string();
        self.run("pg_ctl", &["start", "-w", "-D", &self.data(), "-l", &log, "-o", &options]);
    }

    /// Stops it, and returns when it has ended.
    pub fn down(&self, ending: Ending) {
        let mode = match ending {
            Ending::Fast => "fast",
            Ending::Immediate => "immediate",
        };
        self.run("pg_ctl", &["stop", "-w", "-D", &self.data(), "-m", mode]);
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        run(self.command(program).args(arguments));
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for ScratchServer {
    fn drop(&mut self) {
        let data = self.data();
        let arguments = ["stop", "-D", &data, "-m", "immediate"];
        // It may be stopped already.
        let _ = self.command("pg_ctl").args(arguments).output();
    }
}

fn run(command: &mut Command) {
    // The server inherits its output, so it must not be a pipe that is read to its end.
    let log = tempfile::tempfile().expect("a scratch file");
    let copy = log.try_clone().expect("a second handle");
    let status = command.stdout(log).stderr(copy).status();
    assert!(status.is_ok_and(|status| status.success()), "{command:?} failed");
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id runs");
    output.stdout.trim_ascii() == b"0"
}

/// Where the programs are: the newest version that Debian has installed, or what `PATH` finds.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort_by(|one, other| other.cmp(one));
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let has_all = |folder: &Path| {
        ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).exists())
    };
    folders.into_iter().find(|folder| has_all(folder))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("it listens").port()
}
