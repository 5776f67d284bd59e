//! Processes that are measured: children that end with their guard, and what /proc tells of them.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use tokio::sync::mpsc;

use crate::Error;

/// Processor time in /proc is counted in hundredths of a second on every Linux.
const TICKS_PER_S: f64 = 100.0;
const POLL: Duration = Duration::from_millis(20);

/// A process to be measured. One that was started here is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    child: Option<Child>,
    log: PathBuf,
}

/// The lines that a child writes to its standard output.
pub(crate) type Lines = mpsc::UnboundedReceiver<String>;

impl Process {
    /// Starts a child out of reach of the terminal's Ctrl-C, so that it ends when its guard says
    /// so. What it complains of goes to the file `log`.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is no such program.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<(Self, Lines), Error> {
        let complaints = fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(complaints).process_group(0);
        let program = command.get_program().to_string_lossy().into_owned();
        let absent = |error| Error::Absent(format!("{program} does not start: {error}"));
        let mut child = command.spawn().map_err(absent)?;
        let (sender, lines) = mpsc::unbounded_channel();
        if let Some(out) = child.stdout.take() {
            thread::spawn(move || {
                let lines = BufReader::new(out).lines().map_while(Result::ok);
                // Nobody may want the rest.
                lines.for_each(|line| drop(sender.send(line)));
            });
        }
        Ok((Self { pid: child.id(), child: Some(child), log: log.to_path_buf() }, lines))
    }

    /// A process that somebody else started.
    pub(crate) fn of_others(pid: u32) -> Self {
        Self { pid, child: None, log: PathBuf::new() }
    }

    /// The last thing that the child complained of.
    pub(crate) fn complaint(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        // clap says what is wrong first and how to get help last.
        let first_error = lines.clone().find(|line| line.starts_with("error"));
        first_error.or_else(|| lines.next_back()).unwrap_or("it said nothing").to_owned()
    }

    /// Waits until the child has ended by itself.
    ///
    /// # Errors
    /// The process is not a child.
    pub(crate) async fn ended(&mut self) -> Result<ExitStatus, Error> {
        let Some(child) = &mut self.child else {
            return Err(Error::Failed(format!("process {} is not ours", self.pid)));
        };
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Processor seconds in user and kernel mode that it took so far, with its children; `None` if
    /// it is gone.
    pub(crate) fn processor_s(&self) -> Option<f64> {
        let own = Times::read(self.pid)?;
        let children: u64 = match self.child {
            // Our children have none of their own, and walking all processes costs time.
            Some(_) => 0,
            None => children_of(self.pid)
                .iter()
                .filter_map(|pid| Times::read(*pid))
                .map(Times::sum)
                .sum(),
        };
        Some((own.sum() + children) as f64 / TICKS_PER_S)
    }

    /// Resident memory, bytes.
    pub(crate) fn memory_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Processor time of a process in ticks, and of those of its children that have ended.
#[derive(Debug, Clone, Copy)]
struct Times {
    parent: u32,
    user: u64,
    system: u64,
    children: u64,
}

impl Times {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Reads the line after the name, which may itself have spaces and parentheses.
    fn parse(stat: &str) -> Option<Self> {
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(number(1)?).ok()?,
            user: number(11)?,
            system: number(12)?,
            children: number(13)? + number(14)?,
        })
    }

    fn sum(self) -> u64 {
        self.user + self.system + self.children
    }
}

fn children_of(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| Times::read(*pid).is_some_and(|times| times.parent == parent)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_after_a_name_with_parentheses() {
        let stat = "42 (a) b) S 7 42 42 0 -1 4194304 100 0 0 0 11 5 3 2 20 0 1 0 99 0 0";
        let times = Times::parse(stat).expect("it is a line of /proc");
        assert_eq!((times.parent, times.sum()), (7, 21));
    }

    #[test]
    fn a_process_has_taken_time_and_memory() {
        let own = Process::of_others(std::process::id());
        assert!(own.processor_s().is_some());
        assert!(own.memory_bytes().is_some_and(|bytes| bytes > 1 << 20));
        assert!(Process::of_others(u32::MAX).processor_s().is_none());
    }
}
