//! Starts the process that holds many sessions, and takes what it found.

use std::process::Command;

use crate::{
    Error,
    bench::Bench,
    million::{Sessions, progress_in},
    plan::Part,
    process::Process,
};

pub(crate) const PARTS: &[Part] = &[Part::Million];

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let folder = bench.folder()?;
    let sessions = bench.plan.sessions.to_string();
    let mut command = Command::new(&bench.plan.program);
    command.args(["bench", "million", "--sessions", &sessions, "--data"]);
    command.arg(folder.path().join("data"));
    let (mut process, mut lines) = Process::start(&mut command, &folder.path().join("log"))?;
    let mut found = None;
    while let Some(line) = lines.recv().await {
        match serde_json::from_str::<Sessions>(&line) {
            Ok(sessions) => found = Some(sessions),
            Err(_) => {
                if let Some((done, total, what)) = progress_in(&line) {
                    bench.progress(what, done, total);
                }
            }
        }
    }
    process.ended().await?;
    let Some(found) = found else {
        return Err(Error::Failed(format!("it ended early: {}", process.complaint())));
    };
    keep(bench, &found);
    Ok(())
}

fn keep(bench: &mut Bench, found: &Sessions) {
    let sessions = found.sessions;
    for (what, value, unit) in [
        ("sessions opened and charged in a second".to_owned(), found.opened_per_second, "/s"),
        (format!("memory of each of {sessions} sessions"), found.bytes_each, "bytes"),
        ("restart to first answer, all alive".to_owned(), found.restart_live_ms, "ms"),
        ("restart to first answer, all over".to_owned(), found.restart_ended_ms, "ms"),
        ("longest wait, nothing due".to_owned(), found.calm_longest_ms, "ms"),
        ("longest wait, all ending, same instance".to_owned(), found.same_longest_ms, "ms"),
        ("p99 of waits, all ending, same instance".to_owned(), found.same_p99_ms, "ms"),
        ("longest wait, all ending, another instance".to_owned(), found.other_longest_ms, "ms"),
        ("all at once to the last end".to_owned(), found.ending_s, "s"),
        ("answers meanwhile".to_owned(), found.answers as f64, "requests"),
    ] {
        bench.report.fact(Part::Million, what, value, unit);
    }
    let (charged, used) = (found.charged_micros, found.used_micros);
    let told = format!("{charged} millionths charged, {used} used");
    let what = "tokens charged in answers are tokens used";
    bench.report.check(Part::Million, what, charged == used, told);
    let told = format!("{} listed", found.left_alive);
    bench.report.check(Part::Million, "no session is left alive", found.left_alive == 0, told);
    let told = format!("{} findings", found.findings);
    bench.report.check(Part::Million, "the store verifies", found.findings == 0, told);
}
