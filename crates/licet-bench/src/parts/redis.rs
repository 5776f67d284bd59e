//! Redis as a rival: a script that checks, debits and records, with every command synced.

use std::{
    net::{SocketAddr, TcpListener},
    process::Command,
    rc::Rc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::hot_name;
use crate::{
    Error,
    bench::Bench,
    case::{Case, Server, Subject},
    http::Answer,
    load::{Target, Workload},
    plan::Part,
    process::Process,
    resp,
    setup::shared,
    site::PLENTY,
    stopwatch::now,
};

pub(crate) const PARTS: &[Part] = &[Part::Redis];
const START_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// Debits a balance and appends a record, or answers -1.
const SCRIPT: &str = "local left = tonumber(redis.call('GET', KEYS[1])) - tonumber(ARGV[2]) \
    if left < 0 then return -1 end \
    redis.call('DECRBY', KEYS[1], ARGV[2]) \
    redis.call('RPUSH', KEYS[2], ARGV[1] .. ' ' .. ARGV[2]) \
    return left";

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let (folder, address) = (bench.folder()?, free_address()?);
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
        .args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""])
        .arg("--dir")
        .arg(folder.path());
    let (process, _lines) = Process::start(&mut command, &folder.path().join("log"))?;
    let mut line = Line::connect(address, &process).await?;
    bench.report.rivals.push(release(&line.ask(&["INFO", "server"]).await?));
    line.ask(&["SET", "balance", &PLENTY.to_string()]).await?;
    let digest = line.ask(&["SCRIPT", "LOAD", SCRIPT]).await?;
    let command = resp::command(&["EVALSHA", &digest, "2", "balance", "records", "user-1", "1"]);
    let connections = bench.plan.connections();
    let target = Target { address, reader: resp::read, connections };
    // It is asked once more when all is measured.
    let process = Rc::new(process);
    let server = Server::Other(process.clone());
    let workload = shared(Debits { command });
    let subject = Subject::Load { target, workload, server };
    let case = Case::new(Part::Redis, "redis".to_owned(), "decisions", subject);
    bench.measure(vec![case.against(hot_name(connections), None)]).await?;
    let left: u64 = number(&line.ask(&["GET", "balance"]).await?)?;
    let records: u64 = number(&line.ask(&["LLEN", "records"]).await?)?;
    let found = format!("{records} records, {} debited", PLENTY - left);
    let is_met = records == PLENTY - left && records > 0;
    bench.report.check(Part::Redis, "there is a record for each debit", is_met, found);
    Ok(())
}

/// A port of this machine that nobody listens on.
fn free_address() -> Result<SocketAddr, Error> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

fn release(info: &str) -> String {
    let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
    format!("Redis {}, appendfsync always", version.unwrap_or("of unknown release").trim())
}

fn number(text: &str) -> Result<u64, Error> {
    text.parse().map_err(|error| Error::failed(text, &error))
}

/// The script, again and again.
struct Debits {
    command: Vec<u8>,
}

impl Workload for Debits {
    fn ask(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.command);
        true
    }

    fn take(&mut self, _connection: usize, answer: Answer<'_>) -> Result<u64, String> {
        let is_debited = answer.status == 200 && !answer.body.starts_with(b"-");
        if is_debited { Ok(1) } else { Err("it was not debited".to_owned()) }
    }
}

/// A connection for setting up and looking.
struct Line {
    stream: TcpStream,
}

impl Line {
    async fn connect(address: SocketAddr, process: &Process) -> Result<Self, Error> {
        let began_at = now();
        loop {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(Self { stream }),
                Err(_) if now() - began_at < START_MAX => tokio::time::sleep(POLL).await,
                Err(error) => {
                    let why = process.complaint();
                    return Err(Error::Absent(format!("redis-server: {error}; {why}")));
                }
            }
        }
    }

    async fn ask(&mut self, words: &[&str]) -> Result<String, Error> {
        self.stream.write_all(&resp::command(words)).await?;
        let mut input = Vec::new();
        loop {
            if self.stream.read_buf(&mut input).await? == 0 {
                return Err(Error::Failed("Redis closed the connection".to_owned()));
            }
            if let Some(answer) = resp::read(&input).map_err(Error::Failed)? {
                let text = String::from_utf8_lossy(answer.body).into_owned();
                return if answer.status == 200 { Ok(text) } else { Err(Error::Failed(text)) };
            }
        }
    }
}
