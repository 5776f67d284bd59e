//! `licet condition …`

use std::path::PathBuf;

use clap::Subcommand;
use licet_protocol::{
    ConditionIn, ConditionOperator, ConditionOut, ConditionPart, ConditionsIn, Scalar,
};
use uuid::Uuid;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    input, instance_id,
    output::Table,
};

/// List, put and delete conditions on who asks
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Put(Put),
    Delete(Delete),
}

/// List the conditions of an instance
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet condition list --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11")]
struct List {
    /// The instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
}

/// Add a condition, or change the one with its id
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet condition put --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11 \\
      --name Engineering --key department --in engineering,research
  licet condition put --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11 --file conditions.json")]
struct Put {
    /// The instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
    /// Read one condition or an array of them from this JSON file, - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "key", "id", "any_of", "none_of"])]
    file: Option<PathBuf>,
    /// Change the condition with this id
    #[arg(long, value_name = "ID")]
    id: Option<Uuid>,
    /// A name for people
    #[arg(long, required_unless_present = "file")]
    name: Option<String>,
    /// Key of the requester's dictionary
    #[arg(long, required_unless_present = "file")]
    key: Option<String>,
    /// Met if the requester has one of these values
    #[arg(long = "in", value_name = "VALUE,VALUE", value_delimiter = ',')]
    #[arg(required_unless_present_any = ["file", "none_of"])]
    any_of: Vec<String>,
    /// Met if the requester has none of these values
    #[arg(long = "not", value_name = "VALUE,VALUE", value_delimiter = ',')]
    #[arg(conflicts_with = "any_of")]
    none_of: Vec<String>,
}

/// Delete a condition that no action uses
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  licet condition delete 5f0c7a52-7d0e-4a34-b1d5-63f6a9a1c9d2 \\
      --instance 0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11")]
struct Delete {
    /// Id of the condition
    #[arg(required_unless_present = "all")]
    id: Option<Uuid>,
    /// All conditions of the instance
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// The instance
    #[arg(long, env = "LICET_INSTANCE", value_name = "ID")]
    #[arg(value_parser = instance_id::parse)]
    instance: Uuid,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.action {
            Action::List(list) => {
                let conditions = context.client()?.conditions(list.instance)?;
                context.output.show(&conditions, |conditions| table(conditions))?;
            }
            Action::Put(put) => {
                let conditions = ConditionsIn { conditions: put.conditions()? };
                let conditions = context.client()?.put_conditions(put.instance, &conditions)?;
                context.output.show(&conditions, |conditions| table(conditions))?;
            }
            Action::Delete(Delete { id: Some(id), instance, .. }) => {
                context.client()?.delete_condition(instance, id)?;
                context.output.done(&format!("condition {id} deleted"))?;
            }
            Action::Delete(Delete { instance, .. }) => {
                context.client()?.delete_conditions(instance)?;
                context.output.done("all conditions deleted")?;
            }
        }
        Ok(Exit::Yes)
    }
}

impl Put {
    fn conditions(&self) -> Result<Vec<ConditionIn>, Failure> {
        let Some(file) = &self.file else { return Ok(vec![self.condition()]) };
        let (name, text) = (file.display().to_string(), input::read_text(file)?);
        if input::is_array(&text) {
            return input::parse_json(&name, &text);
        }
        Ok(vec![input::parse_json(&name, &text)?])
    }

    fn condition(&self) -> ConditionIn {
        let (operator, values) = match self.any_of.is_empty() {
            true => (ConditionOperator::Not, &self.none_of),
            false => (ConditionOperator::In, &self.any_of),
        };
        ConditionIn {
            id: self.id,
            name: self.name.as_deref().map(Into::into),
            key: self.key.as_deref().map(Into::into),
            operator: Some(operator),
            values: Some(values.iter().map(|value| Scalar::from(value.as_str())).collect()),
            conditions: None,
        }
    }
}

fn table(conditions: &[ConditionOut]) -> Table {
    Table::of(["id", "name", "condition"], conditions, |condition| {
        let whole = ConditionIn {
            key: condition.key.as_deref().map(Into::into),
            operator: Some(condition.operator),
            values: condition.values.clone(),
            conditions: condition.conditions.clone(),
            ..ConditionIn::default()
        };
        [condition.id.to_string(), condition.name.clone(), in_words(&whole)]
    })
}

/// Such as `department IN (engineering, research)`.
fn in_words(condition: &ConditionIn) -> String {
    let operator = condition.operator.map_or("?", ConditionOperator::as_str);
    if let Some(parts) = &condition.conditions {
        let words = |part: &ConditionPart| match part {
            ConditionPart::Id(id) => id.to_string(),
            ConditionPart::Whole(condition) => in_words(condition),
        };
        let parts: Vec<_> = parts.iter().map(words).collect();
        return format!("({})", parts.join(&format!(" {operator} ")));
    }
    let values: Vec<_> = condition.values.iter().flatten().map(ToString::to_string).collect();
    let key = condition.key.as_deref().unwrap_or("?");
    format!("{key} {operator} ({})", values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_put_in_words() {
        let json = r#"{"operator":"OR","conditions":["5f0c7a52-7d0e-4a34-b1d5-63f6a9a1c9d2",
            {"key":"team","operator":"NOT","values":["a","b"]}]}"#;
        let condition = input::parse_json("test", json).expect("it is read");
        assert_eq!(
            in_words(&condition),
            "(5f0c7a52-7d0e-4a34-b1d5-63f6a9a1c9d2 OR team NOT (a, b))"
        );
    }
}
