//! The machine that the figures are of.

use std::{fs, path::Path};

use licet_engine::{Clock, SystemClock};
use serde::Serialize;

/// The machine, as its operating system describes it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// Processors that this process may use.
    pub cores: usize,
    /// Model of the processor.
    pub processor: String,
    /// Name and release of the kernel.
    pub kernel: String,
    /// When it was measured, RFC 3339, UTC.
    pub date: String,
    /// File system of the folder with the data, and where it is mounted.
    pub file_system: String,
}

impl Machine {
    pub(crate) fn of_data(data: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let date = jiff::Timestamp::from_millisecond(SystemClock.now_ms());
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: model(&read("/proc/cpuinfo")).unwrap_or("unknown").to_owned(),
            kernel: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
            date: date.map_or_else(|error| error.to_string(), |date| format!("{date:.0}")),
            file_system: file_system(&read("/proc/mounts"), data),
        }
    }
}

fn model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim())
}

/// The mount with the longest path that the folder is under.
fn file_system(mounts: &str, folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (_device, at, kind) = (words.next()?, words.next()?, words.next()?);
        folder.starts_with(at).then_some((at, kind))
    });
    // Of two mounts at one place the later one is seen.
    match mounts.max_by_key(|(at, _)| at.len()) {
        Some((at, kind)) => format!("{kind} at {at}"),
        None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_is_the_one_mounted_deepest() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmpfiles xfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/tmp/not-there/x")), "tmpfs at /tmp");
        assert_eq!(file_system(mounts, Path::new("/not-there")), "ext4 at /");
    }
}
