//! The sample producer: prices, three customers, and what they bought.

use licet_client::{Client, Error};
use licet_protocol::{ActionsIn, AuthorizeRequest, ConditionsIn, KeyType, KeysIn};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

/// The demo keeps nothing and listens on this machine, so its password need not be secret.
pub(crate) const ADMIN_PASSWORD: &str = "demo-tokens-2026";

const YEAR_MS: i64 = 365 * 86_400_000;
const CLIENT_KEY_ID: &str = "demo-client";

/// What the demo made, and who may use it.
#[derive(Debug)]
pub(crate) struct Scenery {
    pub(crate) customers: Vec<Customer>,
    /// Token of the user `admin`.
    pub(crate) admin_token: String,
}

#[derive(Debug)]
pub(crate) struct Customer {
    pub(crate) account_id: &'static str,
    pub(crate) instance_id: Uuid,
    pub(crate) departments: &'static [&'static str],
}

impl Scenery {
    /// Logs in as `admin` and sets everything up over HTTP, as a producer would.
    ///
    /// # Errors
    /// As every call.
    pub(crate) fn build(server: &str, now_ms: i64, client_key_pem: &str) -> Result<Self, Error> {
        let password = json!({ "user": "admin", "password": ADMIN_PASSWORD });
        let log_in: AuthorizeRequest = read(&password)?;
        let admin_token = Client::new(server)?.authorize(&log_in)?.token;
        let client = Client::new(server)?.with_token(admin_token.as_str());
        let key = json!([{ "id": CLIENT_KEY_ID, "publicKey": client_key_pem }]);
        let KeysIn(keys) = read(&key)?;
        client.put_keys(KeyType::Client, &keys)?;
        prices(&client, now_ms)?;
        let mut customers = Vec::new();
        for (account_id, departments) in [
            ("NORTHWIND", ["engineering", "marketing"].as_slice()),
            ("CONTOSO", ["research"].as_slice()),
            ("FABRIKAM", ["design", "print"].as_slice()),
        ] {
            let row =
                json!({ "shortName": format!("{account_id}-def-inst"), "accountId": account_id });
            let instance_id = client.create_instance(&read(&row)?)?.id;
            line_items(&client, instance_id, account_id, now_ms)?;
            customers.push(Customer { account_id, instance_id, departments });
        }
        budgets(&client, customers[0].instance_id)?;
        Ok(Self { customers, admin_token })
    }

    /// Id of the key that signs the crowd's tokens.
    pub(crate) fn client_key_id() -> &'static str {
        CLIENT_KEY_ID
    }
}

fn prices(client: &Client, now_ms: i64) -> Result<(), Error> {
    let now = json!({
        "series": "Studio", "version": "2026.1", "effectiveFrom": now_ms - YEAR_MS,
        "items": [
            { "name": "Render", "version": "2.0", "rate": 7 },
            { "name": "Denoise", "version": "", "rate": 0.25 },
            { "name": "Simulate", "version": "1.0", "formula": "CEILING.MATH(nodes * hours) * 4" },
        ],
    });
    let later = json!({
        "series": "Studio", "version": "2027.1", "effectiveFrom": now_ms + YEAR_MS,
        "items": [
            { "name": "Render", "version": "2.0", "rate": 8 },
            { "name": "Denoise", "version": "", "rate": 0.25 },
        ],
    });
    let plain = json!({
        "version": "1", "effectiveFrom": now_ms - YEAR_MS,
        "items": [{ "name": "Export", "version": "", "rate": 1 }],
    });
    [now, later, plain].iter().try_for_each(|table| client.post_rate_table(&read(table)?))
}

/// Two line items of the studio series that end at different times, and one without a series.
fn line_items(
    client: &Client,
    instance_id: Uuid,
    account_id: &str,
    now_ms: i64,
) -> Result<(), Error> {
    let month_ms = YEAR_MS / 12;
    let items = [
        ("2025", "Studio", 2_000, now_ms + month_ms, None),
        ("2026", "Studio", 50_000, now_ms + YEAR_MS, Some(250)),
        ("EXPORT", "", 10_000, now_ms + YEAR_MS, None),
    ];
    for (name, series, quantity, end, overdraft) in items {
        let mut attributes = json!({ "elastic": true, "rateTableSeries": series });
        if let Some(limit) = overdraft {
            attributes["overdraftType"] = json!("Number");
            attributes["overdraftLimit"] = json!(limit);
        }
        let line_item = json!({
            "activationId": format!("{account_id}-{name}"), "state": "DEPLOYED",
            "quantity": quantity, "start": now_ms - month_ms, "end": end,
            "attributes": attributes,
        });
        client.put_line_item(instance_id, &read(&line_item)?)?;
    }
    Ok(())
}

/// Engineering and marketing have a budget each on the first line item; nobody else has one.
fn budgets(client: &Client, instance_id: Uuid) -> Result<(), Error> {
    let department = |name: &str| json!({ "name": name, "key": "department", "operator": "IN", "values": [name] });
    let conditions: ConditionsIn =
        read(&json!({ "conditions": [department("engineering"), department("marketing")] }))?;
    let ids: Vec<Uuid> =
        client.put_conditions(instance_id, &conditions)?.iter().map(|made| made.id).collect();
    let actions: ActionsIn = read(&json!([
        { "name": "Engineering", "conditionId": ids[0], "action": "ALLOW", "allocation": 1_500 },
        { "name": "Marketing", "conditionId": ids[1], "action": "ALLOW", "allocation": 500 },
        { "name": "Everyone else", "action": "DENY" },
    ]))?;
    client.put_actions(instance_id, "NORTHWIND-2025", &actions)?;
    Ok(())
}

/// Reads a wire type from its JSON.
pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Error> {
    serde_json::from_str(&value.to_string()).map_err(|error| Error::Unusable(error.to_string()))
}
