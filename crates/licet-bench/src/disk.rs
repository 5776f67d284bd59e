//! The disk: how long an append takes until it is durable.

use std::{
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    Error,
    load::Slice,
    stopwatch::{now, ns_between},
};

pub(crate) const SMALL_BYTES: usize = 4 << 10;
pub(crate) const LARGE_BYTES: usize = 64 << 10;
/// The file starts again at this size, so that a long measurement does not fill the disk.
const FILE_BYTES_MAX: usize = 512 << 20;
const FILE_NAME: &str = "fdatasync";

/// Appends blocks of `bytes` to a growing file in `folder` for so long, each followed by
/// `fdatasync`.
///
/// # Errors
/// The folder takes no file.
pub(crate) fn sync_appends(folder: &Path, bytes: usize, length: Duration) -> Result<Slice, Error> {
    let path = folder.join(FILE_NAME);
    let (block, mut slice) = (vec![0x5a_u8; bytes], Slice::default());
    let began_at = now();
    let (mut file, mut written, mut before) = (File::create(&path)?, 0, began_at);
    while before < began_at + length {
        if written + bytes > FILE_BYTES_MAX {
            (file, written) = (File::create(&path)?, 0);
        }
        file.write_all(&block)?;
        file.sync_data()?;
        written += bytes;
        before = count(&mut slice, before);
    }
    slice.seconds = before.duration_since(began_at).as_secs_f64();
    drop(file);
    std::fs::remove_file(&path)?;
    Ok(slice)
}

fn count(slice: &mut Slice, before: Instant) -> Instant {
    let after = now();
    slice.histogram.add(ns_between(before, after));
    slice.operations += 1;
    after
}
