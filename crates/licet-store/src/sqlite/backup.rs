//! Copies of a data directory.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::Path,
};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};

use super::{
    database::{Database, checkpoint_and_truncate},
    directory::{self, io_error},
};
use crate::{StoreError, numbers::unsigned};

/// The projection first: the journal that follows is then never behind it.
const IN_ORDER: [Database; 2] = [Database::Projection, Database::Journal];

/// Pages that are copied between two reports of progress.
const PAGES_PER_STEP: i32 = 1024;

/// How far a copy of one file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyProgress {
    /// `journal.db` or `projection.db`.
    pub file: &'static str,
    pub bytes_done: u64,
    pub bytes_total: u64,
}

/// Copies the data directory `directory` into `to`, which must be missing or empty. A server may
/// go on writing meanwhile: each file is copied as it stood at one moment, and the log of a busy
/// server grows until its file is copied.
///
/// # Errors
/// [`StoreError::Unavailable`] if there is no store, `to` holds anything, or the disk refuses. A
/// copy that was not finished has no `journal.db`, and cannot be restored.
pub fn backup(
    directory: &Path,
    to: &Path,
    mut progress: impl FnMut(CopyProgress),
) -> Result<(), StoreError> {
    require_journal(directory)?;
    directory::create_empty(to)?;
    for database in IN_ORDER {
        if directory.join(database.file_name()).exists() {
            back_up_file(database, directory, to, &mut progress)?;
        }
    }
    directory::sync(to)
}

fn require_journal(directory: &Path) -> Result<(), StoreError> {
    if directory.join(Database::Journal.file_name()).is_file() {
        return Ok(());
    }
    Err(StoreError::Unavailable(format!("{} has no journal.db", directory.display())))
}

fn back_up_file(
    database: Database,
    directory: &Path,
    to: &Path,
    progress: &mut impl FnMut(CopyProgress),
) -> Result<(), StoreError> {
    let source = database.open_to_read(directory)?;
    // While this transaction is open the source shows one state, so the copy never starts anew.
    let state = source.unchecked_transaction()?;
    state.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;

    let unfinished = to.join(format!("{}.unfinished", database.file_name()));
    let mut copy = Connection::open(&unfinished)?;
    copy_pages(database, &state, &mut copy, progress)?;
    // One file, without a log beside it, is a copy that can be moved about.
    copy.execute_batch("PRAGMA journal_mode = DELETE;")?;
    copy.close().map_err(|(_, error)| error)?;

    let finished = to.join(database.file_name());
    File::open(&unfinished)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, &finished))
        .map_err(|error| io_error(&finished, &error))
}

fn copy_pages(
    database: Database,
    source: &Connection,
    copy: &mut Connection,
    progress: &mut impl FnMut(CopyProgress),
) -> Result<(), StoreError> {
    let page_bytes: u64 =
        source.query_row("PRAGMA page_size", [], |row| row.get(0)).map(unsigned)?;
    let backup = Backup::new(source, copy)?;
    loop {
        let step = backup.step(PAGES_PER_STEP)?;
        let pages = backup.progress();
        let bytes = |pages: i32| u64::from(pages.unsigned_abs()) * page_bytes;
        progress(CopyProgress {
            file: database.file_name(),
            bytes_done: bytes(pages.pagecount - pages.remaining),
            bytes_total: bytes(pages.pagecount),
        });
        match step {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            // Nobody else has the copy open, and the source has its state already.
            other => return Err(StoreError::Unavailable(format!("the copy stopped: {other:?}"))),
        }
    }
}

/// Copies the backup `from` into the data directory `to`, which must be missing or empty, and
/// checks every page of it.
///
/// # Errors
/// [`StoreError::Unavailable`] if `from` holds no finished backup, is the directory of a running
/// server, or `to` holds anything; [`StoreError::Damaged`] if a page is wrong, and `to` is then
/// left empty.
pub fn restore(
    from: &Path,
    to: &Path,
    mut progress: impl FnMut(CopyProgress),
) -> Result<(), StoreError> {
    require_journal(from)?;
    if directory::is_in_use(from) {
        return Err(StoreError::Unavailable(format!(
            "{} is the directory of a running server; make a backup of it first",
            from.display()
        )));
    }
    directory::create_empty(to)?;
    let restored = restore_files(from, to, &mut progress);
    if restored.is_err() {
        remove_files(to);
    }
    restored
}

fn restore_files(
    from: &Path,
    to: &Path,
    progress: &mut impl FnMut(CopyProgress),
) -> Result<(), StoreError> {
    for database in IN_ORDER {
        let name = database.file_name();
        let sources = directory::with_log(&from.join(name));
        let targets = directory::with_log(&to.join(name));
        for (source, target) in sources.iter().zip(&targets) {
            if source.exists() {
                copy_file(name, source, target, progress)?;
            }
        }
        if targets[0].exists() {
            check(database, to)?;
        }
    }
    directory::sync(to)
}

fn copy_file(
    file: &'static str,
    source: &Path,
    target: &Path,
    progress: &mut impl FnMut(CopyProgress),
) -> Result<(), StoreError> {
    let mut reader = File::open(source).map_err(|error| io_error(source, &error))?;
    let bytes_total = reader.metadata().map_err(|error| io_error(source, &error))?.len();
    let mut writer = File::create_new(target).map_err(|error| io_error(target, &error))?;
    let mut buffer = vec![0; 4 << 20];
    let mut bytes_done = 0;
    loop {
        let length = reader.read(&mut buffer).map_err(|error| io_error(source, &error))?;
        if length == 0 {
            break;
        }
        writer.write_all(&buffer[..length]).map_err(|error| io_error(target, &error))?;
        bytes_done += length as u64;
        progress(CopyProgress { file, bytes_done, bytes_total });
    }
    writer.sync_all().map_err(|error| io_error(target, &error))
}

fn check(database: Database, directory: &Path) -> Result<(), StoreError> {
    // Opening it to write takes in a log that stood beside it.
    let connection = database.open_as_it_is(directory)?;
    if database == Database::Journal {
        database.check_schema(&connection)?;
    }
    check_pages(database, &connection)?;
    checkpoint_and_truncate(&connection);
    Ok(())
}

fn check_pages(database: Database, connection: &Connection) -> Result<(), StoreError> {
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    match verdict.as_str() {
        "ok" => Ok(()),
        _ => Err(StoreError::Damaged(format!("{}: {verdict}", database.file_name()))),
    }
}

/// Checks every page of a data directory or backup, beside whoever has it open.
///
/// # Errors
/// [`StoreError::Damaged`] if one is wrong; [`StoreError::Unavailable`] if there is no store.
pub fn check_integrity(directory: &Path) -> Result<(), StoreError> {
    for database in IN_ORDER {
        // A projection that is not there can be made again.
        let is_there = directory.join(database.file_name()).exists();
        if is_there || database == Database::Journal {
            check_pages(database, &database.open_to_read(directory)?)?;
        }
    }
    Ok(())
}

/// Takes away what an unsuccessful restore has written into the directory that was empty.
fn remove_files(directory: &Path) {
    for database in IN_ORDER {
        let path = directory.join(database.file_name());
        for suffix in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            // What was never written is not there to be removed.
            let _ = fs::remove_file(name);
        }
    }
}
