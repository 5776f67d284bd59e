//! How a command ends.

use std::{fmt, io, process::ExitCode};

use licet_client::Error;

/// The end of a command that did what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or granted.
    Yes,
    /// The request was denied.
    Denied,
    /// Of the program that was run.
    Program(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Yes => Self::SUCCESS,
            Exit::Denied => Self::from(1),
            Exit::Program(code) => Self::from(code),
        }
    }
}

/// The end of a command that could not do what it should.
#[derive(Debug)]
pub(crate) struct Failure {
    /// One line that says how to mend it; empty if nobody is left to read it.
    pub(crate) message: String,
    code: u8,
}

impl Failure {
    /// The command line or an input file is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    /// Neither usage nor the server.
    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 4 }
    }

    /// The program to be run cannot be started.
    pub(crate) fn program(message: impl Into<String>, code: u8) -> Self {
        Self { message: message.into(), code }
    }

    /// The same, said of `what`.
    pub(crate) fn within(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        Exit::Program(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A server's text may have line breaks or worse.
        for character in self.message.chars() {
            let shown = if character.is_control() { ' ' } else { character };
            write!(f, "{shown}")?;
        }
        Ok(())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (code, hint) = match &error {
            Error::Denied(_) => (1, ""),
            Error::Unreachable { cause, .. } if cause.contains("certificate") => {
                (3, "; name the certificates to trust with --ca-file or LICET_CA_FILE")
            }
            Error::Unreachable { cause, .. } if cause.contains("InvalidContentType") => {
                (3, "; it speaks http, not https: change --server or LICET_SERVER")
            }
            Error::Unreachable { cause, .. } if cause.contains("invalid HTTP version") => {
                (3, "; it speaks https, not http: change --server or LICET_SERVER")
            }
            Error::Unreachable { .. } => {
                (3, "; is it running? Give its address with --server or LICET_SERVER")
            }
            // Who is just logging in knows how.
            Error::Problem { code: Some(code), .. } if code == "wrong_credentials" => (4, ""),
            Error::Problem { status: 401, .. } => {
                (4, "; log in with `licet login`, then give --token-file or LICET_TOKEN")
            }
            Error::Problem { status: 403, code, .. } if code.is_none() => {
                (4, "; use the token of a user or key that may")
            }
            Error::Unusable(_) => (2, ""),
            Error::Unreadable(_) => (4, "; is --server the address of a licet server?"),
            Error::Problem { .. } => (4, ""),
        };
        Self { message: format!("{error}{hint}"), code }
    }
}

/// Of writing to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            // The reader has seen enough.
            return Self { message: String::new(), code: 0 };
        }
        Self::other(format!("the output cannot be written: {error}"))
    }
}
