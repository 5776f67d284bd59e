//! PostgreSQL as a rival: scratch databases, and functions under pgbench.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;
use uuid::Uuid;

use crate::{Error, load::Slice, process::Process, stopwatch::now};

/// Where Debian keeps what belongs to one release of PostgreSQL.
const DEBIAN: &str = "/usr/lib/postgresql";
const TICK: Duration = Duration::from_millis(250);
/// Threads of pgbench; it shares the processors with the server as the load generator does.
const THREADS: &str = "1";

/// The path of a program that comes with PostgreSQL.
///
/// # Errors
/// [`Error::Absent`]
pub(crate) fn program(name: &str) -> Result<PathBuf, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let releases = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut releases: Vec<PathBuf> = releases.map(|entry| entry.path().join("bin")).collect();
    releases.sort();
    folders.extend(releases.into_iter().rev());
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| Error::Absent(format!("{name} is not installed")))
}

/// A server on which databases may be made.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    url: String,
    psql: PathBuf,
}

impl Server {
    /// # Errors
    /// [`Error::Absent`] if psql is not installed or the server does not answer.
    pub(crate) fn find(url: &str) -> Result<Self, Error> {
        let server = Self { url: url.to_owned(), psql: program("psql")? };
        server.ask(url, "SELECT 1").map_err(|error| Error::Absent(error.to_string()))?;
        Ok(server)
    }

    /// Release and what it does at a commit.
    pub(crate) fn describe(&self) -> Result<String, Error> {
        let query = "SELECT 'PostgreSQL ' || current_setting('server_version') || ', fsync ' \
                     || current_setting('fsync') || ', shared_buffers ' \
                     || current_setting('shared_buffers')";
        self.ask(&self.url, query)
    }

    /// The first process of the server, if it is on this machine and tells.
    pub(crate) fn process(&self) -> Option<Process> {
        let query = "SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)";
        let pid: u32 = self.ask(&self.url, query).ok()?.parse().ok()?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        name.starts_with("postgres").then(|| Process::of_others(pid))
    }

    /// Runs SQL; the rows without headings.
    fn ask(&self, url: &str, sql: &str) -> Result<String, Error> {
        let mut command = Command::new(&self.psql);
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, url]);
        let output = command.env("PGCONNECT_TIMEOUT", "5").output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(Error::Failed(complaint.lines().next().unwrap_or("psql failed").to_owned()))
    }
}

/// A database that is dropped with its guard.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) server: Server,
    name: String,
    pub(crate) url: String,
}

impl Database {
    /// # Errors
    /// [`Error::Absent`] if the server lets us make none.
    pub(crate) fn create(server: &Server) -> Result<Self, Error> {
        let name = format!("licet_bench_{}", &Uuid::new_v4().simple().to_string()[..12]);
        let created = server.ask(&server.url, &format!("CREATE DATABASE {name}"));
        created.map_err(|error| Error::Absent(error.to_string()))?;
        let url = with_database(&server.url, &name);
        let database = Self { server: server.clone(), name, url };
        // Whatever the server's default is, an answer must stand for something durable.
        let durable = format!("ALTER DATABASE {} SET synchronous_commit = on", database.name);
        database.server.ask(&database.server.url, &durable)?;
        Ok(database)
    }

    pub(crate) fn ask(&self, sql: &str) -> Result<String, Error> {
        self.server.ask(&self.url, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // If the server is gone, so is the way to tell it.
        let _ =
            self.server.ask(&self.server.url, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// The URL of another database on the same server.
fn with_database(url: &str, name: &str) -> String {
    let (url, parameters) =
        url.split_once('?').map_or((url, None), |(url, rest)| (url, Some(rest)));
    let from = url.find("://").map_or(0, |place| place + 3);
    let server = url[from..].split('/').next().unwrap_or("");
    let parameters = parameters.map(|rest| format!("?{rest}")).unwrap_or_default();
    format!("{}{server}/{name}{parameters}", &url[..from])
}

/// A script under pgbench.
pub(crate) struct Pgbench {
    pub(crate) clients: usize,
    program: PathBuf,
    url: String,
    /// The server, whose processor time counts.
    process: Option<Process>,
    /// With the script and, while it runs, what it writes.
    folder: TempDir,
    operations_each: u64,
}

impl Pgbench {
    /// Each run of `script` is so many operations.
    pub(crate) fn new(
        database: &Database,
        clients: usize,
        folder: TempDir,
        (script, operations_each): (&str, u64),
    ) -> Result<Self, Error> {
        fs::write(folder.path().join("script.sql"), script)?;
        Ok(Self {
            clients,
            program: program("pgbench")?,
            url: database.url.clone(),
            process: database.server.process(),
            folder,
            operations_each,
        })
    }

    /// Runs it for so long, in whole seconds, at least one.
    ///
    /// # Errors
    /// [`Error::Wrong`] if a transaction failed.
    pub(crate) async fn run(
        &mut self,
        length: Duration,
        tick: &dyn Fn(Duration),
    ) -> Result<Slice, Error> {
        let seconds = length.as_secs_f64().round().max(1.0) as u64;
        let path = self.folder.path();
        let (log, times) = (path.join("pgbench.log"), path.join("times"));
        let mut command = Command::new(&self.program);
        command
            .args(["-n", "-M", "prepared", "-j", THREADS, "-c", &self.clients.to_string()])
            .args(["-T", &seconds.to_string(), "--log"])
            .arg(format!("--log-prefix={}", times.display()))
            .arg("-f")
            .arg(path.join("script.sql"))
            .arg(&self.url);
        let before_s = self.process.as_ref().and_then(Process::processor_s);
        let (mut process, mut lines) = Process::start(&mut command, &log)?;
        let began_at = now();
        let status = loop {
            tokio::select! {
                status = process.ended() => break status?,
                () = tokio::time::sleep(TICK) => tick(now() - began_at),
            }
        };
        let mut output = Vec::new();
        while let Some(line) = lines.recv().await {
            output.push(line);
        }
        if !status.success() {
            return Err(Error::Wrong(format!("pgbench: {}", process.complaint())));
        }
        let after_s = self.process.as_ref().and_then(Process::processor_s);
        let mut slice = self.read(&output, path)?;
        slice.processor_s = before_s.zip(after_s).map(|(before, after)| after - before);
        Ok(slice)
    }

    fn read(&self, output: &[String], folder: &Path) -> Result<Slice, Error> {
        let summary = Summary::read(output);
        let summary = summary.ok_or_else(|| Error::Wrong(format!("pgbench said {output:?}")))?;
        if summary.failed > 0 {
            return Err(Error::Wrong(format!("{} transactions failed", summary.failed)));
        }
        let mut slice = Slice {
            operations: summary.transactions * self.operations_each,
            seconds: summary.transactions as f64 / summary.per_second,
            ..Slice::default()
        };
        for entry in fs::read_dir(folder)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with("times") {
                let text = fs::read_to_string(entry.path())?;
                text.lines().filter_map(latency_us).for_each(|us| slice.histogram.add(us * 1_000));
                fs::remove_file(entry.path())?;
            }
        }
        Ok(slice)
    }
}

/// A line of pgbench's log: client, transaction, microseconds, and more.
fn latency_us(line: &str) -> Option<u64> {
    line.split_whitespace().nth(2)?.parse().ok()
}

/// What pgbench says at its end.
#[derive(Debug, PartialEq)]
struct Summary {
    transactions: u64,
    failed: u64,
    per_second: f64,
}

impl Summary {
    fn read(output: &[String]) -> Option<Self> {
        let after = |start: &str| {
            let line = output.iter().find_map(|line| line.strip_prefix(start))?;
            line.split_whitespace().next()
        };
        Some(Self {
            transactions: after("number of transactions actually processed: ")?.parse().ok()?,
            // Releases before 15 do not count them: there a failure ends the client.
            failed: after("number of failed transactions: ").map_or(Some(0), |n| n.parse().ok())?,
            per_second: after("tps = ")?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_to_another_database_of_its_server() {
        for (url, other) in [
            ("postgres://a:b@h:5432/postgres", "postgres://a:b@h:5432/x"),
            ("postgres://h", "postgres://h/x"),
            ("postgresql://h/d?sslmode=require", "postgresql://h/x?sslmode=require"),
        ] {
            assert_eq!(with_database(url, "x"), other);
        }
    }

    #[test]
    fn the_end_of_pgbench_is_read() {
        let output = "transaction type: script.sql\n\
             number of transactions actually processed: 1234\n\
             number of failed transactions: 2 (0.162%)\n\
             latency average = 0.5 ms\n\
             tps = 617.5 (without initial connection time)";
        let output: Vec<String> = output.lines().map(str::to_owned).collect();
        let wanted = Summary { transactions: 1_234, failed: 2, per_second: 617.5 };
        assert_eq!(Summary::read(&output), Some(wanted));
        assert_eq!(Summary::read(&output[..1]), None);
    }
}
