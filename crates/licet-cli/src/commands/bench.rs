use std::{path::PathBuf, rc::Rc, time::Duration};

use clap::Subcommand;
use licet_bench::{ClientKey, Echo, Error, Figure, Part, Plan, Report, Watch};
use licet_engine::{Clock, SystemClock};
use uuid::Uuid;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    jwt::{Algorithm, Claims, Confirmation, Jwk, Pair, Signer},
    output::{Table, or_dash},
    progress::Progress,
    runtime,
};

const AFTER_HELP: &str = "\
Servers and rivals run as children on scratch folders and scratch databases of their own, which go
when the run ends; nothing else is touched, and all of it stays on this machine. A part whose rival
is not installed or not in reach is named and left out. Exit code 1 says that an answer was wrong or
that its effect is missing; a target that is not reached is no failure.

Example:
  licet bench --only echo,hot
  licet bench --only echo,hot --seconds 300 --rounds 1
  licet bench --json > bench.json
  licet bench disk --data /var/lib";

/// Measure the speed of licet on this machine beside its rivals, and prove the effects
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    alone: Option<Alone>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum Alone {
    /// Measure the disk alone: fdatasync after appends
    #[command(after_help = "Example:\n  licet bench disk --data /var/lib")]
    Disk(DiskOptions),
    /// Answer access requests with themselves, for a run to measure
    #[command(hide = true, after_help = "Example:\n  licet bench echo")]
    Echo,
    /// Hold many sessions of one instance, for a run to measure
    #[command(hide = true)]
    #[command(after_help = "Example:\n  licet bench million --sessions 1000 --data scratch")]
    Million(MillionOptions),
}

#[derive(Debug, clap::Args)]
struct DiskOptions {
    /// Folder on the disk to measure [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How long each size is measured
    #[arg(long, default_value = "4", value_name = "SECONDS", value_parser = seconds)]
    seconds: Duration,
}

#[derive(Debug, clap::Args)]
struct MillionOptions {
    /// How many
    #[arg(long, value_name = "N")]
    sessions: u64,
    /// Folder of the store, which must not be there
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Options {
    /// Parts to measure, separated by commas [default: all]
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    only: Vec<Part>,
    /// List the parts, and end
    #[arg(long)]
    list: bool,
    /// How long each figure is measured, without warm-up
    #[arg(long, default_value = "8", value_name = "SECONDS", value_parser = seconds)]
    seconds: Duration,
    /// How often figures that are compared take turns
    #[arg(long, default_value = "3", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Connections of echo and hot, separated by commas; the first number counts for all else
    #[arg(long, default_value = "64,256", value_name = "N", value_delimiter = ',')]
    connections: Vec<usize>,
    /// Instances of the parts that spread
    #[arg(long, default_value = "10000", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    instances: u64,
    /// Usage records of `growth` and `report`
    #[arg(long, default_value = "1000000", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    records: u64,
    /// Sessions of `live` and `million`
    #[arg(long, default_value = "1000000", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    sessions: u64,
    /// Folder for scratch folders [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// PostgreSQL server for scratch databases
    #[arg(long, value_name = "URL")]
    #[arg(default_value = "postgres://postgres@127.0.0.1:5432/postgres")]
    database: String,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.alone {
            Some(Alone::Echo) => echo(context),
            Some(Alone::Million(options)) => options.hold(context),
            Some(Alone::Disk(options)) => show(context, plan(options.into())?),
            None if self.options.list => {
                let parts: Vec<_> =
                    Part::ALL.iter().map(|part| (part.name(), part.about())).collect();
                context.output.show(&parts, |parts| {
                    let row = |part: &(&str, &str)| [part.0.to_owned(), part.1.to_owned()];
                    Table::of(["part", "what"], parts, row)
                })?;
                Ok(Exit::Yes)
            }
            None => show(context, plan(self.options)?),
        }
    }
}

impl From<DiskOptions> for Options {
    fn from(disk: DiskOptions) -> Self {
        Self {
            only: vec![Part::Disk],
            list: false,
            seconds: disk.seconds,
            rounds: 1,
            connections: vec![1],
            instances: 1,
            records: 1,
            sessions: 1,
            data: disk.data,
            database: String::new(),
        }
    }
}

impl MillionOptions {
    fn hold(&self, context: &Context) -> Result<Exit, Failure> {
        // Who started this reads every line; without a reader there is nobody to work for.
        let write = |line: &str| drop(context.output.text(line));
        runtime::run(None, async {
            let held = licet_bench::hold_sessions(&self.data, self.sessions, &write);
            held.await.map_err(|error| Failure::other(error.to_string()))
        })?;
        Ok(Exit::Yes)
    }
}

fn echo(context: &Context) -> Result<Exit, Failure> {
    // What anybody writes who writes a server with axum.
    let on_all_cores = std::thread::available_parallelism().ok();
    runtime::run(on_all_cores, async {
        let echo = Echo::bind().await?;
        context.output.text(&format!("echo at http://{}", echo.address()?))?;
        Ok(echo.serve().await?)
    })?;
    Ok(Exit::Yes)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "is no number".to_owned())?;
    let is_right = (0.01..=604_800.0).contains(&seconds);
    if is_right {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("is not from 0.01 to 604800".to_owned())
    }
}

fn plan(options: Options) -> Result<Plan, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::other(format!("the program does not find itself: {error}")))?;
    let all = options.only.is_empty();
    Ok(Plan {
        parts: if all { Part::ALL.to_vec() } else { options.only },
        connections: options.connections,
        length: options.seconds,
        rounds: options.rounds,
        instances: options.instances,
        records: options.records,
        sessions: options.sessions,
        data: options.data.unwrap_or_else(std::env::temp_dir),
        database: options.database,
        program,
    })
}

fn show(context: &Context, plan: Plan) -> Result<Exit, Failure> {
    let key = Rc::new(Key::generate()?);
    let report = licet_bench::run(plan, key, Rc::new(Bar::default()), runtime::until_told_to_stop);
    let report = report.map_err(|error| match error {
        Error::Failed(message) => Failure::usage(message),
        other => Failure::other(other.to_string()),
    })?;
    if context.output.json {
        context.output.json(&report)?;
    } else {
        context.output.text(&text(&report))?;
    }
    Ok(if report.is_sound() { Exit::Yes } else { Exit::Denied })
}

/// The progress as one line that changes.
struct Bar(Progress);

impl Default for Bar {
    fn default() -> Self {
        Self(Progress::groups())
    }
}

impl Watch for Bar {
    fn progress(&self, what: &str, done: u64, total: u64) {
        self.0.set(what.to_owned(), done, total);
    }
}

/// A client key of this run.
struct Key {
    public_pem: String,
    signer: Signer,
    now_s: i64,
}

const TOKEN_TTL_S: i64 = 30 * 86_400;

impl Key {
    fn generate() -> Result<Self, Failure> {
        let pair = Pair::generate(Algorithm::Ed25519)
            .map_err(|_| Failure::other("the system gives no random numbers"))?;
        let signer = Signer::from_pem(&pair.private_pem).map_err(Failure::other)?;
        Ok(Self { public_pem: pair.public_pem, signer, now_s: SystemClock.now_ms() / 1_000 })
    }
}

impl ClientKey for Key {
    fn id(&self) -> &'static str {
        "bench"
    }

    fn public_pem(&self) -> &str {
        &self.public_pem
    }

    fn token(&self, instance_id: Uuid) -> Result<String, String> {
        let jwk = Jwk { kid: self.id().to_owned(), kty: "CLIENT" };
        self.signer.mint(&Claims {
            iss: "licet bench".to_owned(),
            iat: self.now_s,
            nbf: self.now_s,
            exp: self.now_s + TOKEN_TTL_S,
            aud: vec![instance_id.to_string()],
            cnf: Confirmation { jwk },
        })
    }
}

fn text(report: &Report) -> String {
    let machine = &report.machine;
    let mut text = format!(
        "licet {} on {}, {} cores, {}, {}\ndata on {}\n",
        report.licet,
        machine.processor,
        machine.cores,
        machine.kernel,
        machine.date,
        machine.file_system,
    );
    if !report.rivals.is_empty() {
        text += &format!("beside {}\n", report.rivals.join("; "));
    }
    let sections = [figures(report), ratios(report), fifths(report), facts(report), checks(report)];
    for section in sections.into_iter().flatten() {
        text += &format!("\n{section}");
    }
    for left_out in &report.left_out {
        text += &format!("\nleft out: {}: {}", left_out.part, left_out.reason);
    }
    text
}

/// A table, unless it has no rows.
fn section<T, const N: usize>(
    headings: [&'static str; N],
    rows: &[T],
    cells: impl Fn(&T) -> [String; N],
) -> Option<Table> {
    (!rows.is_empty()).then(|| Table::of(headings, rows, cells))
}

fn figures(report: &Report) -> Option<Table> {
    let headings = [
        "figure",
        "unit",
        "conns",
        "per second",
        "p50 ms",
        "p99 ms",
        "longest ms",
        "CPU s/million",
        "MiB",
        "disk us",
        "lag",
        "caught up ms",
    ];
    let ms = |us: f64| format!("{:.2}", us / 1e3);
    section(headings, &report.figures, |figure| {
        [
            figure.name.clone(),
            figure.unit.to_owned(),
            figure.connections.to_string(),
            format!("{:.0}", figure.per_second),
            ms(figure.p50_us),
            ms(figure.p99_us),
            ms(figure.longest_us),
            or_dash(figure.processor_s_per_million.map(|seconds| format!("{seconds:.1}"))),
            or_dash(figure.memory_bytes.map(|bytes| bytes >> 20)),
            format!("{:.0}", figure.disk_p50_us),
            or_dash(figure.projector_lag_max),
            or_dash(figure.caught_up_ms.map(|ms| format!("{ms:.0}"))),
        ]
    })
}

fn ratios(report: &Report) -> Option<Table> {
    let of = |figure: &Figure| {
        figure.ratios.iter().map(|ratio| (figure.name.clone(), ratio.clone())).collect::<Vec<_>>()
    };
    let rows: Vec<_> = report.figures.iter().flat_map(of).collect();
    section(["figure", "ratio", "to", "target", "reached"], &rows, |(name, ratio)| {
        [
            name.clone(),
            format!("{:.2}", ratio.ratio),
            ratio.to.clone(),
            or_dash(ratio.target),
            or_dash(ratio.is_reached().map(|reached| if reached { "yes" } else { "no" })),
        ]
    })
}

/// How rates held, where they were measured long enough to say.
fn fifths(report: &Report) -> Option<Table> {
    const LONG_S: f64 = 60.0;
    let is_long = |figure: &&Figure| figure.seconds >= LONG_S;
    let rows: Vec<&Figure> = report
        .figures
        .iter()
        .filter(is_long)
        .filter(|figure| figure.fifths_per_second.len() == 5)
        .collect();
    section(["figure", "first fifth", "second", "third", "fourth", "last"], &rows, |figure| {
        let rate = |place: usize| format!("{:.0}", figure.fifths_per_second[place]);
        [figure.name.clone(), rate(0), rate(1), rate(2), rate(3), rate(4)]
    })
}

fn facts(report: &Report) -> Option<Table> {
    section(["part", "fact", "value", "unit"], &report.facts, |fact| {
        let value = format!("{:.1}", fact.value);
        [fact.part.to_owned(), fact.what.clone(), value, fact.unit.to_owned()]
    })
}

fn checks(report: &Report) -> Option<Table> {
    section(["part", "check", "met", "found"], &report.checks, |check| {
        let met = if check.is_met { "yes" } else { "NO" };
        [check.part.to_owned(), check.what.clone(), met.to_owned(), check.found.clone()]
    })
}
