//! Many sessions of one instance, in a process of their own: what they take in memory, what others
//! wait when all of them end at once, and how long a restart takes.

mod askers;
mod terms;
mod world;

use std::path::Path;

use licet_engine::verify;
use serde::{Deserialize, Serialize};

use self::world::{LATER_MS, MANY, OTHER, START_MS, Say, World};
use crate::{Error, process::Process, stopwatch::now};

/// What was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sessions {
    /// Opened and charged, on one instance.
    pub(crate) sessions: u64,
    /// Opened and charged in a second.
    pub(crate) opened_per_second: f64,
    /// Growth of resident memory by each.
    pub(crate) bytes_each: f64,
    /// From opening the store to the first answer of that instance, with all sessions alive.
    pub(crate) restart_live_ms: f64,
    /// The same when all are over.
    pub(crate) restart_ended_ms: f64,
    /// Longest wait for an answer while nothing is due, in milliseconds.
    pub(crate) calm_longest_ms: f64,
    /// Longest wait of the same instance while all sessions end.
    pub(crate) same_longest_ms: f64,
    /// 99 of 100 waits of the same instance while all sessions end.
    pub(crate) same_p99_ms: f64,
    /// Longest wait of another instance while all sessions end.
    pub(crate) other_longest_ms: f64,
    /// Until the last session was over.
    pub(crate) ending_s: f64,
    /// Answers that were given meanwhile.
    pub(crate) answers: u64,
    /// Tokens that line items should have used, in millionths, by the answers.
    pub(crate) charged_micros: i64,
    /// Tokens that they have used.
    pub(crate) used_micros: i64,
    /// Sessions that are listed as alive at the end.
    pub(crate) left_alive: usize,
    /// What `licet verify` finds in the store.
    pub(crate) findings: usize,
}

/// Measures `sessions` sessions on a store in `data`. `write` takes lines that [`crate::run`] reads
/// from a child: how far it is, and at the end what was found.
///
/// # Errors
/// The store cannot be used, or an instance does not answer.
pub async fn hold_sessions(
    data: &Path,
    sessions: u64,
    write: &(dyn Fn(&str) + Sync),
) -> Result<(), Error> {
    let say = |what: &str, done: u64, total: u64| write(&progress_line(what, done, total));
    let found = measure(data, sessions, &say).await?;
    let found = serde_json::to_string(&found).map_err(|error| Error::failed("JSON", &error))?;
    write(&found);
    Ok(())
}

fn progress_line(what: &str, done: u64, total: u64) -> String {
    format!("{done} {total} {what}")
}

/// What a line tells of the progress: done, total, and what.
pub(crate) fn progress_in(line: &str) -> Option<(u64, u64, &str)> {
    let (done, rest) = line.split_once(' ')?;
    let (total, what) = rest.split_once(' ')?;
    Some((done.parse().ok()?, total.parse().ok()?, what))
}

async fn measure(data: &Path, sessions: u64, say: Say<'_>) -> Result<Sessions, Error> {
    let world = World::open(data, START_MS).await?;
    world.set_up().await?;
    let memory_before = memory_bytes();
    let began_at = now();
    world.open_sessions(sessions, say).await?;
    let opened_per_second = sessions as f64 / (now() - began_at).as_secs_f64();
    world.caught_up(say).await?;
    world.calm_down().await?;
    let grown = memory_bytes().saturating_sub(memory_before);
    world.close().await?;
    let (world, restart_live_ms) = World::restart(data, START_MS).await?;
    let ending = world.end_all(sessions, say).await?;
    world.caught_up(say).await?;
    say("verifying", 0, 1);
    let verified = verify(&*world.store, |_, _| {}).await;
    let findings = verified.map_err(|error| Error::failed("verify", &error))?.findings.len();
    let left_alive = world.left_alive().await?;
    let used_micros = world.used_micros(MANY).await? + world.used_micros(OTHER).await?;
    world.close().await?;
    let (world, restart_ended_ms) = World::restart(data, LATER_MS).await?;
    world.close().await?;
    // Each restart asked once for a unit; the first one is in the books that were read.
    let charged = sessions + ending.answers + 1;
    Ok(Sessions {
        sessions,
        opened_per_second,
        bytes_each: grown as f64 / sessions as f64,
        restart_live_ms,
        restart_ended_ms,
        calm_longest_ms: ms(ending.calm.longest_ns()),
        same_longest_ms: ms(ending.same.longest_ns()),
        same_p99_ms: ms(ending.same.quantile_ns(0.99)),
        other_longest_ms: ms(ending.other.longest_ns()),
        ending_s: ending.took.as_secs_f64(),
        answers: ending.answers,
        charged_micros: i64::try_from(charged).unwrap_or(i64::MAX).saturating_mul(1_000_000),
        used_micros,
        left_alive,
        findings,
    })
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn memory_bytes() -> u64 {
    Process::of_others(std::process::id()).memory_bytes().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_as_it_was_written() {
        let line = progress_line("opening sessions", 7, 1_000_000);
        assert_eq!(progress_in(&line), Some((7, 1_000_000, "opening sessions")));
        assert_eq!(progress_in("{}"), None);
    }
}
