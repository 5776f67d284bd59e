//! The licet command.
//!
//! Every subcommand is a thin call in a file of its own in `commands/`. A new one takes a line in
//! `commands/mod.rs` and a line here.

mod commands;
mod context;
mod csv;
mod demo;
mod failure;
mod files;
mod input;
mod instance_id;
mod jwt;
mod local;
mod master_key;
mod moment;
mod output;
mod password;
mod pem;
mod place;
mod progress;
mod requested;
mod runtime;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    context::{Context, Global},
    failure::{Exit, Failure},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const AFTER_HELP: &str = "\
Exit codes:
  0  yes: done, or granted
  1  no: the request was denied
  2  the command line or an input file is wrong
  3  the server cannot be reached
  4  the server refused, or something else went wrong

Example:
  licet login --user admin --save token.txt
  licet --token-file token.txt instance list";

/// May this person, device or program use this item now, how much of it, and what does it cost?
#[derive(Debug, Parser)]
#[command(name = "licet", version, after_help = AFTER_HELP)]
#[command(arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Makes the enum of subcommands and what runs them.
macro_rules! commands {
    ($($variant:ident($module:ident),)+) => {
        #[derive(Debug, Subcommand)]
        enum Command {
            $($variant(commands::$module::Args),)+
        }

        impl Command {
            fn run(self, context: &Context) -> Result<Exit, Failure> {
                match self {
                    $(Self::$variant(args) => args.run(context),)+
                }
            }
        }
    };
}

commands! {
    Serve(serve),
    Demo(demo),
    Access(access),
    Run(run),
    Session(session),
    Instance(instance),
    LineItem(line_item),
    RateTable(rate_table),
    Condition(condition),
    Action(action),
    Model(model),
    Usage(usage),
    Login(login),
    Key(key),
    SigningKey(signing_key),
    Token(token),
    User(user),
    Config(config),
    Audit(audit),
    Backup(backup),
    Restore(restore),
    Verify(verify),
    Migrate(migrate),
    Bench(bench),
}

fn main() -> ExitCode {
    // Wrong usage ends here, with 2.
    let cli = Cli::parse();
    let context = Context::new(cli.global);
    match cli.command.run(&context) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            context.output.failure(&failure);
            failure.exit().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    fn check_examples(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        for subcommand in command.get_subcommands() {
            check_examples(subcommand, &path);
        }
        if !command.has_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{path} has no example");
            assert!(help.contains(path.trim()), "the example of {path} does not show it");
            assert!(command.get_about().is_some(), "{path} does not say what it does");
        }
    }

    #[test]
    fn every_command_has_a_worked_example() {
        check_examples(&Cli::command(), "");
    }

    /// Splits a line of an example as a shell would, as far as examples need it.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
        for character in line.chars() {
            match character {
                '\'' => quoted = !quoted,
                ' ' if !quoted => {
                    words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)))
                }
                _ => word.push(character),
            }
        }
        words.extend((!word.is_empty()).then_some(word));
        words
    }

    fn parse_examples(command: &clap::Command) {
        for subcommand in command.get_subcommands() {
            parse_examples(subcommand);
        }
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let help = help.replace("\\\n", " ");
        for line in help.lines().map(str::trim).filter(|line| line.starts_with("licet ")) {
            let line = line.split([';', '|', '<', '>']).next().unwrap_or(line);
            if let Err(error) = Cli::try_parse_from(words(line)) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn every_example_is_accepted() {
        parse_examples(&Cli::command());
    }
}
