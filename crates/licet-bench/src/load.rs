//! The load generator: connections that each have one request in flight, on one thread.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    Error,
    histogram::Histogram,
    http::{Answer, Reader},
    process::Process,
    stopwatch::{now, ns_between},
};

/// Operations are counted by pieces of the time, to see whether the rate holds.
const PIECE: Duration = Duration::from_millis(100);
const TICK: Duration = Duration::from_millis(250);
/// How long the last answers may take after the time is over.
const DRAIN: Duration = Duration::from_secs(60);
const BUFFER_BYTES: usize = 8 << 10;
const SHOWN_BYTES: usize = 600;

/// What the connections ask, and what becomes of it.
pub(crate) trait Workload {
    /// Writes the next request of a connection; false if it has nothing more to ask.
    fn ask(&mut self, connection: usize, out: &mut Vec<u8>) -> bool;

    /// Takes an answer; how many operations it completes.
    ///
    /// # Errors
    /// The answer is not as it must be.
    fn take(&mut self, connection: usize, answer: Answer<'_>) -> Result<u64, String>;

    /// Whether the connection has begun something that its next request ends.
    fn is_amid(&self, _connection: usize) -> bool {
        false
    }
}

pub(crate) type Shared<W> = Rc<RefCell<W>>;

/// How long a load goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Span {
    /// Measured after a warm-up that counts for the effects alone.
    Timed { warm_up: Duration, measured: Duration },
    /// Until the workload has nothing more to ask; all of it is measured.
    Whole,
}

/// Where the connections go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) reader: Reader,
    pub(crate) connections: usize,
}

/// What was seen in one span.
#[derive(Debug, Default, Clone)]
pub(crate) struct Slice {
    pub(crate) operations: u64,
    pub(crate) seconds: f64,
    pub(crate) histogram: Histogram,
    /// Of the measured processes; `None` if it is not known.
    pub(crate) processor_s: Option<f64>,
    /// Operations in each tenth of a second.
    pub(crate) pieces: Vec<u64>,
}

impl Slice {
    pub(crate) fn per_second(&self) -> f64 {
        self.operations as f64 / self.seconds.max(1e-9)
    }

    fn count(&mut self, since_start: Duration, latency_ns: u64, operations: u64) {
        self.histogram.add(latency_ns);
        self.operations += operations;
        let piece = (since_start.as_nanos() / PIECE.as_nanos()) as usize;
        if self.pieces.len() <= piece {
            self.pieces.resize(piece + 1, 0);
        }
        self.pieces[piece] += operations;
    }
}

/// What the connections of a load share.
struct Run<W: ?Sized> {
    reader: Reader,
    starts_at: Instant,
    ends_at: Cell<Instant>,
    slice: RefCell<Slice>,
    workload: Shared<W>,
}

impl<W: Workload + ?Sized + 'static> Run<W> {
    async fn converse(self: Rc<Self>, connection: usize, stream: TcpStream) -> Result<(), Error> {
        let mut stream = stream;
        let (mut out, mut input) = (Vec::new(), Vec::with_capacity(BUFFER_BYTES));
        let mut asked_at = now();
        while asked_at < self.ends_at.get() || self.workload.borrow().is_amid(connection) {
            out.clear();
            if !self.workload.borrow_mut().ask(connection, &mut out) {
                break;
            }
            stream.write_all(&out).await?;
            let operations = self.await_answer(connection, &mut stream, &mut input).await?;
            let answered_at = now();
            if answered_at >= self.starts_at && answered_at < self.ends_at.get() {
                let latency_ns = ns_between(asked_at, answered_at);
                let since_start = answered_at - self.starts_at;
                self.slice.borrow_mut().count(since_start, latency_ns, operations);
            }
            asked_at = answered_at;
        }
        Ok(())
    }

    async fn await_answer(
        &self,
        connection: usize,
        stream: &mut TcpStream,
        input: &mut Vec<u8>,
    ) -> Result<u64, Error> {
        input.clear();
        loop {
            if stream.read_buf(input).await? == 0 {
                return Err(Error::Wrong("the connection was closed amid an answer".to_owned()));
            }
            if let Some(answer) = (self.reader)(input).map_err(Error::Wrong)? {
                let taken = self.workload.borrow_mut().take(connection, answer);
                return taken.map_err(|complaint| wrong(&complaint, answer));
            }
        }
    }
}

fn wrong(complaint: &str, answer: Answer<'_>) -> Error {
    let shown = &answer.body[..answer.body.len().min(SHOWN_BYTES)];
    let (status, body) = (answer.status, String::from_utf8_lossy(shown));
    Error::Wrong(format!("{complaint}: {status} {body}"))
}

impl Target {
    /// Puts the workload on all connections and waits until the last has its answer. `processes` are
    /// those whose processor time counts; `tick` hears now and then how far it is.
    ///
    /// # Errors
    /// [`Error::Wrong`] with the first answer that is not as it must be; [`Error::Failed`] if a
    /// connection cannot be made or breaks.
    pub(crate) async fn load<W: Workload + ?Sized + 'static>(
        &self,
        workload: &Shared<W>,
        span: Span,
        processes: &[&Process],
        tick: &dyn Fn(Duration),
    ) -> Result<Slice, Error> {
        let mut streams = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        let begun_at = now();
        let (starts_at, ends_at) = match span {
            Span::Timed { warm_up, measured } => {
                (begun_at + warm_up, begun_at + warm_up + measured)
            }
            Span::Whole => (begun_at, begun_at + Duration::from_secs(30 * 86_400)),
        };
        let run = Rc::new(Run {
            reader: self.reader,
            starts_at,
            ends_at: Cell::new(ends_at),
            slice: RefCell::default(),
            workload: workload.clone(),
        });
        let mut tasks = JoinSet::new();
        for (connection, stream) in streams.into_iter().enumerate() {
            tasks.spawn_local(run.clone().converse(connection, stream));
        }
        let watched = Watched { processes, begun_at, starts_at, ends_at };
        let processor_s = watched.until_done(&mut tasks, tick).await?;
        let mut slice = run.slice.take();
        slice.seconds = now().min(ends_at).duration_since(starts_at).as_secs_f64();
        slice.processor_s = processor_s;
        Ok(slice)
    }
}

/// A load that is under way.
struct Watched<'a> {
    processes: &'a [&'a Process],
    begun_at: Instant,
    starts_at: Instant,
    ends_at: Instant,
}

impl Watched<'_> {
    /// Waits for all connections; the processor seconds that the processes took from start to end.
    async fn until_done(
        &self,
        tasks: &mut JoinSet<Result<(), Error>>,
        tick: &dyn Fn(Duration),
    ) -> Result<Option<f64>, Error> {
        let used =
            || self.processes.iter().map(|process| process.processor_s()).sum::<Option<f64>>();
        let (mut at_start, mut at_end) = (None, None);
        loop {
            let at = now();
            if at >= self.starts_at && at_start.is_none() {
                at_start = used();
            }
            if at >= self.ends_at && at_end.is_none() {
                at_end = used();
            }
            if at >= self.ends_at + DRAIN {
                return Err(Error::Wrong(format!("no answer came for {} s", DRAIN.as_secs())));
            }
            let edges = [self.starts_at, self.ends_at, at + TICK];
            let next = edges.into_iter().filter(|edge| *edge > at).min().unwrap_or(at + TICK);
            tokio::select! {
                joined = tasks.join_next() => match joined {
                    None => break,
                    Some(Ok(ended)) => ended?,
                    Some(Err(error)) => return Err(Error::failed("a connection", &error)),
                },
                () = tokio::time::sleep_until(next.into()) => tick(now() - self.begun_at),
            }
        }
        Ok(at_start.zip(at_end.or_else(used)).map(|(start, end)| end - start))
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;
    use crate::{Echo, http, setup::shared, workloads::echo::EchoedHeartbeat};

    /// Asks for heartbeats, counts the answers, and calls the one with this number wrong.
    struct Counting {
        inner: EchoedHeartbeat,
        taken: u64,
        wrong: Option<u64>,
    }

    impl Workload for Counting {
        fn ask(&mut self, connection: usize, out: &mut Vec<u8>) -> bool {
            self.inner.ask(connection, out)
        }

        fn take(&mut self, connection: usize, answer: Answer<'_>) -> Result<u64, String> {
            self.taken += 1;
            if self.wrong == Some(self.taken) {
                return Err("it is not right".to_owned());
            }
            self.inner.take(connection, answer)
        }
    }

    /// A load of so long on an echo: what was seen, and how many answers came in all.
    fn load(wrong: Option<u64>, span: Span) -> (Result<Slice, Error>, u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(LocalSet::new().run_until(async {
            let echo = Echo::bind().await.unwrap();
            let target =
                Target { address: echo.address().unwrap(), reader: http::read, connections: 3 };
            tokio::task::spawn_local(echo.serve());
            let workload = shared(Counting { inner: EchoedHeartbeat, taken: 0, wrong });
            let seen = target.load(&workload, span, &[], &|_| {}).await;
            let taken = workload.borrow().taken;
            (seen, taken)
        }))
    }

    const SHORT: Duration = Duration::from_millis(50);

    #[test]
    fn what_comes_in_the_warm_up_is_taken_and_not_measured() {
        let (slice, taken) = load(None, Span::Timed { warm_up: SHORT, measured: SHORT });
        let slice = slice.unwrap();
        assert!(slice.operations > 0 && slice.operations < taken, "{} {taken}", slice.operations);
        assert_eq!(slice.pieces.iter().sum::<u64>(), slice.operations);
        assert_eq!(slice.seconds, SHORT.as_secs_f64());
    }

    #[test]
    fn the_first_wrong_answer_ends_the_load_and_is_shown() {
        let day = Duration::from_secs(86_400);
        let (seen, _) = load(Some(7), Span::Timed { warm_up: Duration::ZERO, measured: day });
        let complaint = seen.unwrap_err().to_string();
        assert_eq!(complaint.trim(), "it is not right: 204");
    }
}
