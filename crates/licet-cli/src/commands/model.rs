//! `licet model …`

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use licet_core::model::{Amount, Model, ModelError, ModelErrors, Pool, PoolFeature, Rule, Unasked};
use licet_protocol::ModelOut;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    input, instance_id,
    output::{Table, or_dash},
};

/// The widest excerpt of a line, and how much of it stands before the place, in characters.
const EXCERPT: usize = 100;
const BEFORE: usize = 60;
/// The widest cell with a condition, in characters.
const CONDITION: usize = 60;

/// Check, put, show and delete models, which divide features among named pools
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Check(Check),
    Show(Show),
    Put(Put),
    Delete(Delete),
}

/// Read a model and show its pools and rules, or all that is wrong with it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Needs no server. Ends with 0 if the model can be used, with 2 if not.

Example:
  licet model check acme.model
  licet model check - --json < acme.model

A model, as in acme.model:
  model \"acme\" {
    partitions {
      partition \"eng\" { \"render\" 2.0 60% }
      partition \"ops\" { \"render\" 2.0 remainder max 2 }
    }
    on dictionary(\"business-unit\": \"eng\") AND NOT hosttype(\"ci\") { use \"eng\" accept }
    on hostid(\"bob/USER\") { deny }
    on any() { use \"ops\", \"default\" accept }
  }")]
struct Check {
    /// File with the model, - for standard input
    file: PathBuf,
}

/// Show the model in effect on an instance, as it was put
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet model show --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11 > acme.model")]
struct Show {
    /// The instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
}

/// Put a model into effect on an instance, in place of the one before
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What is in use stays charged to its pool until it comes home.

Example:
  licet model put acme.model --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11")]
struct Put {
    /// File with the model, - for standard input
    file: PathBuf,
    /// The instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
}

/// Delete the model of an instance; all that no reservation keeps belongs to the default pool
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet model delete --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11")]
struct Delete {
    /// The instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            Action::Check(check) => check.run(context)?,
            Action::Show(show) => show.run(context)?,
            Action::Put(put) => put.run(context)?,
            Action::Delete(delete) => {
                context.client()?.delete_model(delete.instance)?;
                context.output.done("the model is deleted")?;
            }
        }
        Ok(Exit::Yes)
    }
}

impl Check {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let (_, model) = read(context, &self.file)?;
        match context.output.json {
            true => context.output.json(&as_json(&model)),
            false => context.output.text(&summary(&model)),
        }
    }
}

impl Show {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let model = context.client()?.model(self.instance)?;
        if context.output.json {
            context.output.json(&model)
        } else {
            context.output.text(&model.text)
        }
    }
}

impl Put {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let (source, _) = read(context, &self.file)?;
        let model = context.client()?.put_model(self.instance, &source)?;
        match context.output.json {
            true => context.output.json(&model),
            false => context.output.text(&in_effect(&model)),
        }
    }
}

fn in_effect(model: &ModelOut) -> String {
    let text = format!("model {:?} is in effect", model.name);
    match model.disabled_reservations {
        0 => text,
        disabled => format!(
            "{text}\n\n{} for lack of counts where they are to be kept: GET \
             /api/1.0/instances/{{instanceId}}/reservationgroups says which, and why; counts that \
             the model gives to no pool are in the pool default",
            reservations_keep_nothing(disabled)
        ),
    }
}

/// The text of a file with the model that it is, or all that is wrong with it, written out.
fn read(context: &Context, file: &Path) -> Result<(String, Model), Failure> {
    let source = input::read_text(file)?;
    let errors = match Model::parse(&source) {
        Ok(model) => return Ok((source, model)),
        Err(errors) => errors,
    };
    match context.output.json {
        true => context.output.json(&errors_as_json(&errors))?,
        false => context.output.text(&marked(&source, &errors))?,
    }
    let found = counted(errors.iter().len(), "mistake");
    Err(Failure::usage(format!("{}: {found}", file.display())))
}

fn reservations_keep_nothing(count: u64) -> String {
    match count {
        1 => "1 reservation keeps nothing".to_owned(),
        _ => format!("{count} reservations keep nothing"),
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// What a model says, in tables.
fn summary(model: &Model) -> String {
    let pools = counted(model.pools().len(), "named pool");
    let rules = counted(model.rules().len(), "rule");
    let mut text = format!("model {:?}: {pools}, {rules}\n", model.name());
    if !model.pools().is_empty() {
        text += &format!("\n{}", pools_table(model.pools()));
    }
    match model.rules().is_empty() {
        true => text += "\neverybody uses the default pool\n",
        false => text += &format!("\n{}", rules_table(model)),
    }
    text
}

fn pools_table(pools: &[Pool]) -> Table {
    let mut table = Table::new(&["pool", "feature", "version", "amount", "max", "matches"]);
    for pool in pools {
        let mut name = pool.name.to_string();
        if pool.features.is_empty() {
            let dash = || "-".to_owned();
            table.row([name.clone(), dash(), dash(), dash(), dash(), dash()]);
        }
        for feature in &pool.features {
            table.row([
                std::mem::take(&mut name),
                feature.name.to_string(),
                feature.version.to_string(),
                feature.amount.to_string(),
                or_dash(feature.max),
                matches(feature),
            ]);
        }
    }
    table
}

fn matches(feature: &PoolFeature) -> String {
    let clauses = [
        ("vendor string", &feature.vendor_string),
        ("product name", &feature.product_name),
        ("activation ID", &feature.activation_id),
    ];
    let said = clauses.iter().filter_map(|(clause, matcher)| {
        matcher.as_ref().map(|matcher| format!("{clause} {matcher}"))
    });
    or_dash(Some(said.collect::<Vec<_>>().join(", ")).filter(|said| !said.is_empty()))
}

fn rules_table(model: &Model) -> Table {
    let headings = ["rule", "on", "use", "without requested features", "then"];
    Table::of(headings, model.rules().iter().enumerate(), |(index, rule)| {
        [
            (index + 1).to_string(),
            cut(&rule.condition.to_string(), CONDITION),
            or_dash(joined(used(model, rule))),
            or_dash(joined(unasked(model, rule))),
            rule.action.to_string(),
        ]
    })
}

fn used(model: &Model, rule: &Rule) -> Vec<String> {
    rule.pools.iter().map(|pool| model.pool_name(*pool).to_owned()).collect()
}

fn unasked(model: &Model, rule: &Rule) -> Vec<String> {
    let said = |unasked: &Unasked| match unasked {
        Unasked::AllFrom(pool) => format!("all from {}", model.pool_name(*pool)),
        Unasked::Feature { name, version, count } => format!("{name} {version} {count}"),
    };
    rule.unasked.iter().map(said).collect()
}

fn joined(names: Vec<String>) -> Option<String> {
    Some(names.join(", ")).filter(|names| !names.is_empty())
}

fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Each error with its line and a mark under the place.
fn marked(source: &str, errors: &ModelErrors) -> String {
    let mut text = String::new();
    for (index, error) in errors.iter().enumerate() {
        text += if index == 0 { "" } else { "\n" };
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{error}\n{}", excerpt(source, error));
    }
    text
}

fn excerpt(source: &str, error: &ModelError) -> String {
    let column = error.column.get() - 1;
    let first = column.saturating_sub(BEFORE);
    let line = source.split('\n').nth(error.line.get() - 1).unwrap_or_default();
    let shown = line.trim_end().chars().skip(first).take(EXCERPT);
    // Tabs become one column wide, so that the mark stands where it should.
    let shown: String = shown.map(|it| if it.is_control() { ' ' } else { it }).collect();
    let number = error.line.to_string();
    let margin = " ".repeat(number.len());
    let blank = " ".repeat(column - first);
    let mark = "^".repeat(error.length.clamp(1, EXCERPT - blank.len()));
    format!("  {number} | {shown}\n  {margin} | {blank}{mark}")
}

fn errors_as_json(errors: &ModelErrors) -> Value {
    let errors = errors.iter().map(|error| {
        json!({
            "line": error.line, "column": error.column, "length": error.length,
            "message": error.mistake.to_string(),
        })
    });
    json!({ "errors": errors.collect::<Vec<_>>() })
}

fn as_json(model: &Model) -> Value {
    let rules = model.rules().iter().map(|rule| {
        json!({
            "on": rule.condition.to_string(),
            "use": used(model, rule),
            "withoutRequestedFeatures": unasked(model, rule),
            "action": rule.action.to_string(),
        })
    });
    json!({
        "name": model.name(),
        "pools": model.pools().iter().map(pool_as_json).collect::<Vec<_>>(),
        "rules": rules.collect::<Vec<_>>(),
        "canonical": model.to_string(),
    })
}

fn pool_as_json(pool: &Pool) -> Value {
    let features = pool.features.iter().map(|feature| {
        json!({
            "name": feature.name,
            "version": feature.version.to_string(),
            "amount": amount_as_json(feature.amount),
            "max": feature.max,
            "vendorString": feature.vendor_string.as_ref().map(ToString::to_string),
            "productName": feature.product_name.as_ref().map(ToString::to_string),
            "activationId": feature.activation_id.as_ref().map(ToString::to_string),
        })
    });
    json!({ "name": pool.name, "features": features.collect::<Vec<_>>() })
}

/// A count is a number, all else as the model writes it.
fn amount_as_json(amount: Amount) -> Value {
    match amount {
        Amount::Count(count) => json!(count),
        amount => json!(amount.to_string()),
    }
}
