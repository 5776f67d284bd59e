//! Room on the disk that the store is on.

use std::path::{Path, PathBuf};

/// With less than so many bytes, somebody should make room.
const LOW_BYTES: u64 = 512 << 20;

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiskSpace {
    Ok,
    /// Less than 512 MiB.
    Low,
    /// It cannot be measured.
    Unknown,
}

impl DiskSpace {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Low => "low",
            Self::Unknown => "unknown",
        }
    }

    fn of(free_bytes: Option<u64>) -> Self {
        match free_bytes {
            None => Self::Unknown,
            Some(free_bytes) if free_bytes < LOW_BYTES => Self::Low,
            Some(_) => Self::Ok,
        }
    }
}

/// Room where the store is; where the server runs, if the store is on another machine.
pub(crate) async fn space(directory: Option<&Path>) -> DiskSpace {
    let directory = directory.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    // A disk that hangs must not stop other requests.
    let free = tokio::task::spawn_blocking(move || free_bytes(&directory)).await;
    DiskSpace::of(free.ok().flatten())
}

/// Bytes that a program without special rights may still write.
#[cfg(unix)]
fn free_bytes(directory: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(not(unix))]
fn free_bytes(_directory: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_is_measured_where_the_store_is() {
        assert_eq!(DiskSpace::of(Some(LOW_BYTES)), DiskSpace::Ok);
        assert_eq!(DiskSpace::of(Some(LOW_BYTES - 1)), DiskSpace::Low);
        let directory = tempfile::tempdir().unwrap();
        assert!(free_bytes(directory.path()).is_some());
        let absent = directory.path().join("absent");
        assert_eq!(space(Some(&absent)).await, DiskSpace::Unknown);
    }
}
