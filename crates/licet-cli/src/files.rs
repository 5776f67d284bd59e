//! Writing files that only their owner may read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use uuid::Uuid;

use crate::failure::Failure;

fn create_new(path: &Path, is_private: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if is_private {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = is_private;
    options.open(path)
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::AlreadyExists => "; choose another name, it is not overwritten",
        _ => "",
    };
    Failure::usage(format!("{}: {error}{hint}", path.display()))
}

/// Writes a file that must not exist yet.
pub(crate) fn write_new(path: &Path, text: &str, is_private: bool) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        let mut file = create_new(path, is_private)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| failure(path, &error))
}

/// Writes a private file, in place of one that may exist. Nobody sees half of it.
pub(crate) fn replace_private(path: &Path, text: &str) -> Result<(), Failure> {
    let name = path
        .file_name()
        .ok_or_else(|| Failure::usage(format!("{} is no name of a file", path.display())))?;
    let mut temporary = name.to_owned();
    temporary.push(format!(".{}", Uuid::new_v4().simple()));
    let temporary = path.with_file_name(temporary);
    write_new(&temporary, text, true)?;
    fs::rename(&temporary, path).map_err(|error| {
        // The error that matters is the first one.
        let _ = fs::remove_file(&temporary);
        failure(path, &error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_files_are_private_and_keys_are_not_overwritten() {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("token");
        replace_private(&path, "a").expect("it is written");
        replace_private(&path, "b").expect("it is written again");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "b");
        assert!(write_new(&path, "c", true).is_err());
        assert_eq!(fs::read_dir(directory.path()).expect("it is there").count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
