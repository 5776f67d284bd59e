//! Reservations as administrators post and list them.

use serde_json::{Value, json};

use crate::{
    site::Site,
    stock::{ONE, ask, floating, line},
    support::{Agent, Answer},
};

const GROUPS: &str = "/reservationgroups";

fn reservation(value: &str, kind: &str, feature: &str, count: i64) -> Value {
    json!({
        "hostId": { "value": value, "type": kind },
        "reservationEntries": [
            { "featureName": feature, "featureVersion": "1.0", "featureCount": count },
        ],
    })
}

fn group(name: &str, reservations: &[Value]) -> Value {
    json!({ "name": name, "reservations": reservations })
}

async fn post(site: &Site, agent: &Agent, body: &Value) -> Answer {
    agent.post(&site.at(GROUPS), body).await
}

/// Ten counts: 3 for the device D1, 2 for the user U1, 5 for all.
async fn ten() -> (Site, Value) {
    let site = Site::stocked(vec![floating("render", 10)]).await;
    let admin = site.admin().await;
    let support =
        [reservation("D1", "ethernet", "render", 3), reservation("U1", "User", "render", 2)];
    let posted = post(&site, &admin, &group("support", &support)).await.value(201);
    (site, posted)
}

async fn shares(site: &Site) -> Value {
    let feature = site.feature("render").await;
    let share = |share: &Value| {
        json!([share["reservationId"], share["target"], share["count"], share["used"]])
    };
    feature["pools"].as_array().unwrap().iter().map(share).collect()
}

#[tokio::test]
async fn a_device_and_a_user_take_their_own_and_what_is_shared() {
    let (site, _) = ten().await;
    assert_eq!(shares(&site).await, json!([[1, 3, 3, 0], [2, 2, 2, 0], [null, 5, 5, 0]]));
    assert_eq!(site.take(&["D1/ETHERNET"], "render", 4).await, 4);
    assert_eq!(site.take(&["D2/ETHERNET"], "render", 3).await, 3);
    assert_eq!(shares(&site).await, json!([[1, 3, 3, 3], [2, 2, 2, 0], [null, 5, 5, 4]]));
    // U7 on D2 asks again: its 3 come back first, so that 4 shared ones are free.
    let four = ["D2/ETHERNET", "U7/USER"];
    let five = site.serve(ask(&four, &[("render", 5)])).await;
    assert_eq!(five.not_met[0].status.unwrap().as_str(), "COUNT_INSUFFICIENT");
    assert_eq!(site.take(&four, "render", 4).await, 4);
    assert_eq!(site.take(&["D9/ETHERNET"], "render", 1).await, 0, "what is reserved is not free");
    assert_eq!(site.take(&["D8/ETHERNET", "U1/USER"], "render", 2).await, 2);
    let clients = site.read("/clients?hostId=D1&hostType=ETHERNET").await;
    let held: Vec<_> = clients[0]["features"].as_array().unwrap().iter().collect();
    assert_eq!((&held[0]["reservationId"], &held[0]["count"]), (&json!(1), &json!(3)));
    assert_eq!((&held[1]["reservationId"], &held[1]["count"]), (&Value::Null, &json!(1)));
}

#[tokio::test]
async fn groups_are_listed_shown_and_deleted() {
    let (site, posted) = ten().await;
    let entry = |count| json!([{ "featureName": "render", "featureVersion": "1.0", "featureCount": count }]);
    assert_eq!(
        posted,
        json!({
            "id": 1, "name": "support", "created": "2026-01-01T00:00:00.000Z", "reservations": [
                { "id": 1, "hostId": { "value": "D1", "type": "ETHERNET" }, "disabled": false,
                    "reservationEntries": entry(3) },
                { "id": 2, "hostId": { "value": "U1", "type": "USER" }, "disabled": false,
                    "reservationEntries": entry(2) },
            ],
        })
    );
    let listed = site.read(GROUPS).await;
    assert_eq!(listed, json!({ "asOf": "2026-01-01T00:00:00.000Z", "groups": [posted] }));
    assert_eq!(site.read(&format!("{GROUPS}/1")).await, posted);
    let admin = site.admin().await;
    for (method, path) in [("GET", "/9"), ("GET", "/x"), ("DELETE", "/9"), ("DELETE", "/-1")] {
        let answer = admin.call(method, &site.at(&format!("{GROUPS}{path}"))).await;
        answer.problem(404, "not_found");
    }
    let one = site.at(&format!("{GROUPS}/1"));
    admin.delete(&one).await.is(204);
    admin.delete(&one).await.is(404);
    assert_eq!(shares(&site).await, json!([[null, 10, 10, 0]]));
    // What was shown is posted again as it stands.
    let again = post(&site, &admin, &posted).await.value(201);
    assert_eq!((&again["id"], &again["name"]), (&json!(2), &json!("support")));
    assert_eq!(again["reservations"][0]["id"], 3);
    assert_eq!(shares(&site).await, json!([[3, 3, 3, 0], [4, 2, 2, 0], [null, 5, 5, 0]]));
    let log = site.audit().await;
    let actions = log.iter().map(|entry| entry["action"].as_str().unwrap());
    let ours: Vec<_> = actions.filter(|action| action.starts_with("reservation-group")).collect();
    let (post, delete) = ("reservation-group.post", "reservation-group.delete");
    assert_eq!(ours, [post, delete, post]);
}

#[tokio::test]
async fn a_group_without_a_name_gets_one() {
    let (site, _) = ten().await;
    let nameless = json!({ "reservations": [reservation("X", "", "render", 1)] });
    let posted = post(&site, &site.admin().await, &nameless).await.value(201);
    assert_eq!((&posted["id"], &posted["name"]), (&json!(2), &json!("group-2")));
    assert_eq!(posted["reservations"][0]["hostId"], json!({ "value": "X", "type": "STRING" }));
}

#[tokio::test]
async fn a_group_is_posted_whole_or_not_at_all() {
    let (site, _) = ten().await;
    let admin = site.admin().await;
    let over = group(
        "over",
        &[
            reservation("X", "USER", "render", 4),
            reservation("Y", "USER", "render", 2),
            reservation("Z", "USER", "render", 1),
        ],
    );
    let answer = post(&site, &admin, &over).await.is(409);
    let place = "$.reservations[1].reservationEntries[0].featureCount: ";
    let errors = answer.json()["errors"].clone();
    assert_eq!(errors.as_array().unwrap().len(), 1);
    assert!(errors[0].as_str().unwrap().starts_with(place), "{errors}");
    let told = answer.problem(409, "too_few_to_reserve");
    let why =
        "for Y/USER 2 of render are to be kept out of the pool default, where 1 are unreserved";
    assert!(told.contains(why), "{told}");
    let same = group("support", &[reservation("X", "USER", "render", 1)]);
    post(&site, &admin, &same).await.problem(409, "already_exists");
    assert_eq!(site.read(GROUPS).await["groups"].as_array().unwrap().len(), 1);
    let fits = group(
        "fits",
        &[reservation("X", "USER", "render", 4), reservation("Z", "USER", "render", 1)],
    );
    post(&site, &admin, &fits).await.is(201);
    assert_eq!(site.take(&["D9"], "render", 1).await, 0);
}

#[tokio::test]
async fn when_counts_no_longer_suffice_a_reservation_is_disabled() {
    let (site, _) = ten().await;
    site.put(line(ONE, vec![floating("render", 4)])).await;
    let disabled = async || {
        let group = site.read(&format!("{GROUPS}/1")).await;
        let reservations = group["reservations"].as_array().unwrap().clone();
        reservations.iter().map(|it| it["disabled"].as_bool().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(disabled().await, [false, true], "the first still gets its 3");
    site.put(line(ONE, vec![floating("render", 5)])).await;
    assert_eq!(disabled().await, [false, false]);
}

#[tokio::test]
async fn every_mistake_of_a_group_is_told_with_its_place() {
    let (site, _) = ten().await;
    let admin = site.admin().await;
    let errors = async |body: Value| {
        let answer = post(&site, &admin, &body).await.is(400);
        let errors = answer.json()["errors"].as_array().unwrap().clone();
        let place = |error: &Value| error.as_str().unwrap().split(": ").next().unwrap().to_owned();
        errors.iter().map(place).collect::<Vec<_>>()
    };
    let entries = "$.reservations[1].reservationEntries";
    let values = json!({ "reservations": [
        { "hostId": { "value": "X" }, "reservationEntries": [] },
        { "hostId": { "value": "Y" }, "reservationEntries": [
            { "featureName": "render", "featureVersion": "1.x", "featureCount": 0 },
        ] },
    ] });
    assert_eq!(
        errors(values).await,
        [
            "$.reservations[0].reservationEntries".to_owned(),
            format!("{entries}[0].featureVersion"),
            format!("{entries}[0].featureCount"),
        ]
    );
    let unknown = json!({ "reservations": [
        reservation("D1", "ETHERNET", "render", 1),
        { "hostId": { "value": "X" }, "reservationEntries": [
            { "featureName": "nothing", "featureCount": 1 },
            { "featureName": "render", "featureCount": 1, "pool": "eng" },
        ] },
        reservation("X", "STRING", "render", 1),
    ] });
    assert_eq!(
        errors(unknown).await,
        [
            "$.reservations[0].hostId".to_owned(),
            format!("{entries}[0].featureName"),
            format!("{entries}[1].pool"),
            "$.reservations[2].hostId".to_owned(),
        ]
    );
    assert_eq!(errors(json!({ "reservations": [] })).await, ["$.reservations"]);
    for (body, place) in [
        (json!({}), "$.reservations"),
        (json!([]), "$"),
        (group("", &[]), "$.name"),
        (json!({ "reservations": [{ "hostId": "x" }] }), "$.reservations[0].hostId"),
        (group("a", &[reservation("", "USER", "render", 1)]), "$.reservations[0].hostId.value"),
        (group("a", &vec![reservation("x", "", "render", 1); 1_001]), "$.reservations"),
    ] {
        let told = post(&site, &admin, &body).await.problem(400, "malformed");
        assert!(told.starts_with(&format!("{place}: ")), "{told}");
    }
    assert_eq!(site.read(GROUPS).await["groups"].as_array().unwrap().len(), 1);
}
