use licet_engine::verify;
use licet_store::sqlite::check_integrity;
use serde_json::json;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    place::PlaceArgs,
    progress::Progress,
    runtime,
};

const AFTER_HELP: &str = "\
Run it on a backup or on a stopped server: tables that move meanwhile may seem to differ.
Ends with 0 if all agrees, with 1 if something does not.

Example:
  licet verify --data /backup/licet-2026-11-22
  licet verify --database postgres://licet@db.example/licet";

/// Fold every journal again and compare balances, sessions and roll-ups with it
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let place = self.place.place()?;
        let wrong = |error| place.failure(&error);
        let progress = Progress::groups();
        let result = runtime::run(None, async {
            if let Some(directory) = place.directory() {
                check_integrity(directory).map_err(wrong)?;
            }
            let store = place.open_read_only().await?;
            let read = |done: licet_store::Position, of: licet_store::Position| {
                progress.set("reading the journal", done.0, of.0);
            };
            verify(&*store, read).await.map_err(wrong)
        })?;
        drop(progress);
        let findings: Vec<String> = result.findings.iter().map(ToString::to_string).collect();
        if context.output.json {
            context.output.json(&json!({
                "groups": result.groups, "sections": result.sections, "records": result.records,
                "instances": result.instances, "lineItems": result.line_items,
                "sessions": result.sessions, "rollups": result.rollups,
                "usageRows": result.usage_rows, "groupsAhead": result.groups_ahead,
                "findings": findings,
            }))?;
        } else {
            context.output.text(&format!(
                "{} records in {} sections of {} instances; compared {} line items, \
                 {} sessions, {} roll-ups, {} usage rows",
                result.records,
                result.sections,
                result.instances,
                result.line_items,
                result.sessions,
                result.rollups,
                result.usage_rows
            ))?;
            if result.groups_ahead > 0 {
                let ahead = result.groups_ahead;
                let text = "groups are newer than the tables; of these the chain alone was checked";
                context.output.text(&format!("{ahead} {text}"))?;
            }
            findings.iter().try_for_each(|finding| context.output.text(finding))?;
            let verdict = if findings.is_empty() { "all agrees" } else { "NOT all agrees" };
            context.output.text(verdict)?;
        }
        Ok(if findings.is_empty() { Exit::Yes } else { Exit::Denied })
    }
}
