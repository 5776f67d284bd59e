//! The data directory and the lock that one server holds on it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::StoreError;

const LOCK_FILE: &str = "licet.lock";

/// Held by the one server of a data directory; gone when it is dropped or the process ends.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// # Errors
    /// [`StoreError::Unavailable`] if another server has it.
    pub(super) fn take(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| io_error(&path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(&mut file)),
            Err(TryLockError::Error(error)) => return Err(io_error(&path, &error)),
        }
        leave_process_id(&mut file).map_err(|error| io_error(&path, &error))?;
        Ok(Self { _file: file })
    }
}

/// Whether a server works in this directory now. Never makes a lock file.
pub(super) fn is_in_use(directory: &Path) -> bool {
    File::open(directory.join(LOCK_FILE))
        .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

fn taken(file: &mut File) -> StoreError {
    let mut process = String::new();
    // The number is a courtesy; without it the message still says what is wrong.
    let _ = file.read_to_string(&mut process);
    StoreError::Unavailable(format!(
        "the data directory is in use by another licet server (process {})",
        process.trim()
    ))
}

fn leave_process_id(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

/// Makes the directory, readable by its owner alone, if it is missing.
pub(super) fn create(directory: &Path) -> Result<(), StoreError> {
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(|error| io_error(directory, &error))?;
    sync(parent(directory))
}

/// Makes the directory, which must be missing or empty.
pub(super) fn create_empty(directory: &Path) -> Result<(), StoreError> {
    create(directory)?;
    let mut entries = fs::read_dir(directory).map_err(|error| io_error(directory, &error))?;
    if entries.next().is_none() {
        return Ok(());
    }
    Err(StoreError::Unavailable(format!(
        "{} is not empty; nothing is ever written over",
        directory.display()
    )))
}

fn parent(directory: &Path) -> &Path {
    match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync(directory: &Path) -> Result<(), StoreError> {
    File::open(directory)
        .and_then(|file| file.sync_all())
        .map_err(|error| io_error(directory, &error))
}

/// A database file together with the log that SQLite keeps beside it.
pub(super) fn with_log(path: &Path) -> [PathBuf; 2] {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    [path.to_path_buf(), PathBuf::from(log)]
}

pub(super) fn io_error(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}

/// A journal without a byte is what a failed copy leaves behind; a new, empty site in its place
/// would hide the loss.
///
/// # Errors
/// [`StoreError::Damaged`]
pub(super) fn refuse_emptied(directory: &Path) -> Result<(), StoreError> {
    match fs::metadata(directory.join("journal.db")) {
        Ok(file) if file.len() == 0 => Err(StoreError::Damaged(
            "journal.db is empty: restore a backup, or delete the file if nothing was stored here"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}
