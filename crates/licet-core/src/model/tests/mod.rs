mod access;
mod allocation;
mod arbitrary;
mod mistakes;
mod parsing;
mod round_trip;

use super::*;

fn model(source: &str) -> Model {
    Model::parse(source).unwrap_or_else(|errors| panic!("{source}\n{errors}"))
}

/// A model with these rules and the pools `eng`, `ops` and `lab`.
fn ruled(rules: &str) -> Model {
    let pools = r#"partition "eng" {} partition "ops" {} partition "lab" {}"#;
    model(&format!(r#"model "acme" {{ partitions {{ {pools} }} {rules} }}"#))
}

/// A model whose pools are these.
fn divided(partitions: &str) -> Model {
    model(&format!(r#"model "acme" {{ partitions {{ {partitions} }} }}"#))
}

fn version(text: &str) -> Version {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}
