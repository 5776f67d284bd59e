//! `licet run`

use std::{
    ffi::OsString,
    io::ErrorKind,
    process::{Child, Command, ExitStatus},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

use licet_client::{Ended, Session};
use licet_protocol::SessionAccessRequest;
use uuid::Uuid;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    instance_id, moment,
    output::Output,
    requested::RequestedArgs,
};

const EXAMPLE: &str = "\
Example:
  licet run --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11 --item Render:2.0 -- \\
      render --scene teapot

Exits with the code of the program, with 1 if the items are denied (the program is not started
then), and with 126 or 127 if it cannot be started. The program finds the id of its session in
LICET_SESSION_ID.

The server is asked at least every 30 seconds whether the session still stands, and more often when
it charges. If it was closed or ended from outside, the program gets TERM and, after --grace, KILL;
with --advisory it only gets a warning on standard error. A server that cannot be reached ends the
program only when the paid period and its grace are over.";

/// Hold items in a session while a program runs, and give them back after it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// Instance to consume from
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
    #[command(flatten)]
    requested: RequestedArgs,
    /// Only warn when the session ends, and let the program go on
    #[arg(long)]
    advisory: bool,
    /// How long the program may take to end before it is killed
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    #[arg(value_parser = moment::parse_duration)]
    grace: i64,
    /// The program and its arguments
    #[arg(required = true, last = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

/// What happens while the program runs.
enum Event {
    Exited(std::io::Result<ExitStatus>),
    SessionEnded(Ended),
    #[cfg(unix)]
    Signal(rustix::process::Signal),
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let request = SessionAccessRequest {
            requester: self.requested.requester()?,
            rollback_on_deny: false,
            requested_items: self.requested.items()?,
        };
        let (events, incoming) = channel();
        // From here on a signal must not end us before the session is given back.
        forward_signals(events.clone())?;
        let ended = events.clone();
        let session = Session::open(&context.client()?, self.instance, &request, move |end| {
            // Nobody listens once the program has exited.
            let _ = ended.send(Event::SessionEnded(end));
        })?;
        let child = self.start(&session)?;
        let supervisor = Supervisor {
            pid: child.id(),
            output: context.output,
            is_advisory: self.advisory,
            grace: Duration::from_millis(self.grace.unsigned_abs()),
            incoming,
        };
        wait_in_background(child, events)?;
        let status = supervisor.supervise()?;
        if let Err(error) = session.close() {
            context.output.note(&format!("the session could not be closed: {error}"));
        }
        Ok(Exit::Program(exit_code(status)))
    }

    fn start(&self, session: &Session) -> Result<Child, Failure> {
        let (program, arguments) =
            self.program.split_first().ok_or_else(|| Failure::usage("name a program after --"))?;
        Command::new(program)
            .args(arguments)
            .env("LICET_SESSION_ID", session.id().to_string())
            .spawn()
            .map_err(|error| {
                let code = if error.kind() == ErrorKind::NotFound { 127 } else { 126 };
                Failure::program(format!("{}: {error}", program.display()), code)
            })
    }
}

fn wait_in_background(mut child: Child, events: Sender<Event>) -> Result<(), Failure> {
    let wait = move || {
        let _ = events.send(Event::Exited(child.wait()));
    };
    spawn(wait)
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let thread = thread::Builder::new().spawn(work);
    thread.map(|_| ()).map_err(|error| Failure::other(format!("no thread can be started: {error}")))
}

/// Watches over the running program.
struct Supervisor {
    pid: u32,
    output: Output,
    is_advisory: bool,
    grace: Duration,
    incoming: Receiver<Event>,
}

impl Supervisor {
    fn supervise(&self) -> Result<ExitStatus, Failure> {
        loop {
            let event = self.incoming.recv();
            match event.map_err(|_| Failure::other("the program was lost"))? {
                Event::Exited(status) => return checked(status),
                #[cfg(unix)]
                Event::Signal(signal) => send_signal(self.pid, signal),
                Event::SessionEnded(ended) if self.is_advisory => {
                    self.output.note(&format!("the session has ended: {}", ended.detail));
                }
                Event::SessionEnded(ended) => {
                    let detail = ended.detail;
                    self.output
                        .note(&format!("the session has ended, so the program must: {detail}"));
                    terminate(self.pid);
                    return self.wait_or_kill();
                }
            }
        }
    }

    /// Waits for the program that was asked to end, but not for ever.
    fn wait_or_kill(&self) -> Result<ExitStatus, Failure> {
        let mut patience = Some(self.grace);
        loop {
            let event = match patience {
                Some(grace) => self.incoming.recv_timeout(grace),
                None => self.incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Exited(status)) => return checked(status),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    patience = None;
                    kill(self.pid);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::other("the program was lost"));
                }
            }
        }
    }
}

fn checked(status: std::io::Result<ExitStatus>) -> Result<ExitStatus, Failure> {
    status.map_err(|error| Failure::other(format!("the program was lost: {error}")))
}

/// The program's code, or 128 and the number of the signal that ended it, as shells have it.
fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return u8::try_from(128 + signal).unwrap_or(255);
        }
    }
    status.code().map_or(255, |code| u8::try_from(code & 0xff).unwrap_or(255))
}

#[cfg(unix)]
mod signals {
    use rustix::process::{Pid, Signal, kill_process};
    use tokio::{
        runtime::Builder,
        signal::unix::{SignalKind, signal},
    };

    use super::{Event, Failure, Sender, spawn};

    pub(super) fn send_signal(pid: u32, signal: Signal) {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself just now.
            let _ = kill_process(pid, signal);
        }
    }

    pub(super) fn terminate(pid: u32) {
        send_signal(pid, Signal::TERM);
    }

    pub(super) fn kill(pid: u32) {
        send_signal(pid, Signal::KILL);
    }

    /// Hands `TERM` and `HUP` on. `INT` and `QUIT` come from the terminal, which sends them to the
    /// program as well, so it is enough to outlive them.
    pub(super) fn forward_signals(events: Sender<Event>) -> Result<(), Failure> {
        let failure = |error: std::io::Error| Failure::other(format!("signals: {error}"));
        let runtime = Builder::new_current_thread().enable_io().build().map_err(failure)?;
        let (mut term, mut hup, mut int, mut quit) = {
            let _inside = runtime.enter();
            let listen = |kind| signal(kind).map_err(failure);
            (
                listen(SignalKind::terminate())?,
                listen(SignalKind::hangup())?,
                listen(SignalKind::interrupt())?,
                listen(SignalKind::quit())?,
            )
        };
        spawn(move || {
            runtime.block_on(async {
                loop {
                    let signal = tokio::select! {
                        _ = term.recv() => Signal::TERM,
                        _ = hup.recv() => Signal::HUP,
                        _ = int.recv() => continue,
                        _ = quit.recv() => continue,
                    };
                    if events.send(Event::Signal(signal)).is_err() {
                        return;
                    }
                }
            });
        })
    }
}

#[cfg(unix)]
use signals::{forward_signals, kill, send_signal, terminate};

#[cfg(not(unix))]
mod signals {
    use super::{Command, Event, Failure, Sender};

    pub(super) fn terminate(pid: u32) {
        // It may have ended by itself just now.
        let _ = Command::new("taskkill").args(["/PID", &pid.to_string()]).status();
    }

    pub(super) fn kill(pid: u32) {
        let _ = Command::new("taskkill").args(["/F", "/T", "/PID", &pid.to_string()]).status();
    }

    pub(super) fn forward_signals(_events: Sender<Event>) -> Result<(), Failure> {
        Ok(())
    }
}

#[cfg(not(unix))]
use signals::{forward_signals, kill, terminate};

#[cfg(all(test, unix))]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::Stdio,
    };

    use licet_client::EndReason;

    use super::*;

    /// Runs a shell script under supervision, ends its session once it says that it is ready, and
    /// gives its exit code.
    fn code_after_end(script: &str, is_advisory: bool) -> u8 {
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh runs");
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("it is ours");
        BufReader::new(stdout).read_line(&mut String::new()).expect("it says that it is ready");
        let (events, incoming) = channel();
        let supervisor = Supervisor {
            pid: child.id(),
            output: Output { json: false },
            is_advisory,
            grace: Duration::from_millis(50),
            incoming,
        };
        let ended = Ended { reason: EndReason::Terminated, detail: "a test".to_owned() };
        events.send(Event::SessionEnded(ended)).expect("it listens");
        if is_advisory {
            // The program goes on until its own end, here that of its input.
            drop(stdin);
            wait_in_background(child, events).expect("a thread starts");
            return exit_code(supervisor.supervise().expect("it ends"));
        }
        wait_in_background(child, events).expect("a thread starts");
        let code = exit_code(supervisor.supervise().expect("it ends"));
        drop(stdin);
        code
    }

    #[test]
    fn a_program_is_asked_to_end_with_its_session() {
        assert_eq!(code_after_end("trap 'exit 9' TERM; echo ready; read line", false), 9);
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        assert_eq!(code_after_end("trap '' TERM; echo ready; read line", false), 128 + 9);
    }

    #[test]
    fn an_advisory_session_only_warns() {
        assert_eq!(code_after_end("trap 'exit 9' TERM; echo ready; read line; exit 5", true), 5);
    }
}
