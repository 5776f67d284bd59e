//! Asking for passwords.

use std::io::{self, BufRead, IsTerminal};

use clap::Args;
use console::Term;
use licet_protocol::Password;

use crate::failure::Failure;

/// Where a password comes from: `LICET_PASSWORD`, standard input, or the terminal. It is no
/// option of its own, since other users of a computer can see command lines.
#[derive(Debug, Args)]
pub(crate) struct PasswordArgs {
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordArgs {
    pub(crate) fn read(&self, prompt: &str) -> Result<Password, Failure> {
        let password = match std::env::var("LICET_PASSWORD") {
            _ if self.password_stdin => first_line()?,
            Ok(password) => password,
            Err(_) if io::stdin().is_terminal() => ask(prompt)?,
            Err(_) => {
                let hint = "give the password as LICET_PASSWORD or with --password-stdin";
                return Err(Failure::usage(hint));
            }
        };
        if password.is_empty() {
            return Err(Failure::usage("the password is empty"));
        }
        Ok(password.into())
    }
}

fn first_line() -> Result<String, Failure> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn ask(prompt: &str) -> Result<String, Failure> {
    let terminal = Term::stderr();
    terminal.write_str(&format!("{prompt}: "))?;
    Ok(terminal.read_secure_line()?)
}
