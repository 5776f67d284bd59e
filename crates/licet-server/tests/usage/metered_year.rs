//! A metered year of sessions and users, reported weekly, as a producer asks for it in two time zones.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    calendar::{DAY_MS, Place, civil, day_of},
    features::{SUMMARIES, metered, office_at, put, serve},
    office::{Office, text},
};

const HOUR_MS: i64 = 3_600_000;
/// What the customer may use of each meter, in all.
const OWNED: [(&str, u64); 2] = [("sessions", 100_000), ("users", 1_500)];

/// A report that an application sent: sessions and users since the last.
#[derive(Debug, Clone)]
struct Sent {
    at_ms: i64,
    host: String,
    user: Option<String>,
    counts: [u64; 2],
}

/// What is expected of a meter in a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Recount {
    units: u64,
    peak: u64,
    granted: u64,
    denied: u64,
    hosts: BTreeSet<String>,
    users: BTreeSet<String>,
}

/// Weekly reports of four applications from December 2023 to February 2025, and more around each
/// month's beginning, as clocks have it in both places.
fn sent() -> Vec<Sent> {
    let mut times = Vec::new();
    for week in 0..63 {
        // At another time of the day each week.
        times.push(day_of(2023, 12, 4) * DAY_MS + week * 7 * DAY_MS + week * 97 * 60_000 % DAY_MS);
    }
    for month in 0..15 {
        let (year, month) = (2023 + (11 + month) / 12, (11 + month) % 12 + 1);
        for place in [Place::Berlin, Place::NewYork] {
            let start_ms = place.start_ms(day_of(year, month, 1));
            times.extend([start_ms - 1, start_ms, start_ms + HOUR_MS / 4]);
        }
    }
    // The leap day, and the hours that clocks leave out and show twice.
    times.push(day_of(2024, 2, 29) * DAY_MS + 12 * HOUR_MS);
    times.push(day_of(2024, 3, 31) * DAY_MS + HOUR_MS);
    times.push(day_of(2024, 10, 27) * DAY_MS + HOUR_MS - 1);
    times.push(day_of(2024, 11, 3) * DAY_MS + 6 * HOUR_MS);
    times.sort_unstable();
    times.dedup();
    let report = |(number, at_ms): (usize, i64)| {
        let number = number as u64;
        Sent {
            at_ms,
            host: format!("app-{}", number % 4 + number / 60),
            user: number.is_multiple_of(3).then(|| format!("operator-{}", number / 25)),
            counts: [number * 37 % 101 + 1, number * 53 % 23],
        }
    };
    times.into_iter().enumerate().map(report).collect()
}

/// What each report should have got of a meter.
fn granted(sent: &[Sent], meter: usize) -> Vec<u64> {
    let mut left = OWNED[meter].1;
    let grant = |report: &Sent| {
        let granted = report.counts[meter].min(left);
        left -= granted;
        granted
    };
    sent.iter().map(grant).collect()
}

fn recount(sent: &[Sent], meter: usize, from_ms: i64, until_ms: i64) -> Recount {
    let mut sum = Recount::default();
    for (report, granted) in sent.iter().zip(granted(sent, meter)) {
        if report.counts[meter] > 0 && (from_ms..until_ms).contains(&report.at_ms) {
            sum.add(report, granted);
        }
    }
    sum
}

impl Recount {
    fn add(&mut self, report: &Sent, granted: u64) {
        if granted == 0 {
            self.denied += 1;
            return;
        }
        self.units += granted;
        self.peak = self.peak.max(granted);
        self.granted += 1;
        self.hosts.insert(report.host.clone());
        self.users.extend(report.user.clone());
    }
}

/// The same as the door writes it.
fn wire(sum: &Recount, from_ms: i64, until_ms: i64) -> Value {
    let denials =
        if sum.denied == 0 { json!({}) } else { json!({ "COUNT_INSUFFICIENT": sum.denied }) };
    json!({
        "from": from_ms, "to": until_ms, "units": sum.units, "peak": sum.peak,
        "distinctHosts": sum.hosts.len(), "distinctUsers": sum.users.len(),
        "granted": sum.granted, "denied": sum.denied, "denials": denials, "tokens": null,
    })
}

/// Where a month begins, months being counted from year 0.
fn month_start_ms(place: Place, months: i64) -> i64 {
    place.start_ms(day_of(months.div_euclid(12), months.rem_euclid(12) + 1, 1))
}

/// The four times that are asked for first, as they are at a moment.
fn times(place: Place, now_ms: i64) -> [(&'static str, i64, i64); 4] {
    let (year, month, _) = civil(place.day(now_ms));
    let start = |months| month_start_ms(place, months);
    let (this_year, this_month) = (year * 12, year * 12 + month - 1);
    let this_quarter = this_month - this_month % 3;
    [
        ("yearToDate", start(this_year), now_ms + 1),
        ("lastMonth", start(this_month - 1), start(this_month)),
        ("lastQuarter", start(this_quarter - 3), start(this_quarter)),
        ("lastYear", start(this_year - 12), start(this_year)),
    ]
}

struct Year {
    office: Office,
    sent: Vec<Sent>,
}

impl Year {
    /// Compares the overview with the reports that were sent until now.
    async fn check_overview(&self, sent: &[Sent]) {
        let admin = self.office.admin().await;
        let now_ms = self.office.server.app.now_ms();
        for place in [Place::Berlin, Place::NewYork] {
            let path = format!("{SUMMARIES}/overview?timeZone={}", place.zone());
            let overview = self.office.get(&path, &admin).await.value(200);
            assert_eq!(
                (&overview["asOf"], &overview["timeZone"]),
                (&json!(now_ms), &json!(place.zone()))
            );
            let mut expected = Vec::new();
            for (meter, (name, _)) in OWNED.iter().enumerate() {
                let mut row = json!({ "meter": name });
                for (time, from_ms, until_ms) in times(place, now_ms) {
                    let sum = recount(sent, meter, from_ms, until_ms);
                    row[time] = wire(&sum, from_ms, until_ms);
                }
                expected.push(row);
            }
            assert_eq!(overview["data"], json!(expected), "{place:?} at {now_ms}");
            self.check_csv(&path, &admin, lines_of_overview(&overview)).await;
            for row in overview["data"].as_array().unwrap() {
                for time in ["yearToDate", "lastMonth", "lastQuarter", "lastYear"] {
                    self.check_rows(&admin, row["meter"].as_str().unwrap(), &row[time]).await;
                }
            }
        }
    }

    /// Compares units with the rows of the report.
    async fn check_rows(&self, admin: &str, meter: &str, usage: &Value) {
        let query = format!(
            "meterType=feature&item={meter}&from={}&to={}&pageSize=10000",
            usage["from"], usage["to"]
        );
        let report = self.office.get(&format!("/data/api/v1/report/usage?{query}"), admin).await;
        let report = report.value(200);
        let rows = report["data"].as_array().unwrap();
        let is_granted = |row: &&Value| {
            ["GRANTED", "PARTIAL_GRANT"].contains(&row["requestResponse"].as_str().unwrap())
        };
        let units: i64 =
            rows.iter().filter(is_granted).map(|row| row["itemQuantity"].as_i64().unwrap()).sum();
        assert_eq!(usage["units"], units, "{meter} {usage}");
        assert_eq!(usage["granted"], rows.iter().filter(is_granted).count());
        assert_eq!(usage["denied"], rows.len() - rows.iter().filter(is_granted).count());
    }

    async fn check_csv(&self, path: &str, admin: &str, rows: Vec<Value>) {
        let call = self.office.server.stranger().get(path).header("accept", "text/csv");
        let answer = call.header("authorization", admin).await.is(200);
        let csv = text(&answer);
        let mut lines = csv.split_terminator("\r\n");
        let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
        // Times are written for people, and are the same moments.
        let read = |(column, text): (&&str, &str)| match *column {
            "from" | "to" => text.parse::<jiff::Timestamp>().unwrap().as_millisecond().to_string(),
            _ => text.to_owned(),
        };
        let found: Vec<Vec<String>> =
            lines.map(|line| columns.iter().zip(line.split(',')).map(read).collect()).collect();
        let cell = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            Value::Object(reasons) => {
                let reasons: Vec<_> =
                    reasons.iter().map(|(reason, count)| format!("{reason}={count}")).collect();
                reasons.join(" ")
            }
            other => other.to_string(),
        };
        let expected: Vec<Vec<String>> =
            rows.iter().map(|row| columns.iter().map(|it| cell(&row[it])).collect()).collect();
        assert_eq!(found, expected, "{path}");
        assert_eq!(columns.len(), 14);
        assert!(csv.lines().all(|line| line.split(',').count() == 14), "{path}");
    }

    /// Compares a table of periods with the reports that were sent.
    async fn check_periods(&self, place: Place, unit: &str) {
        let admin = self.office.admin().await;
        let name = |at_ms: i64| {
            let day = place.day(at_ms);
            let (year, month, date) = civil(day);
            match unit {
                "year" => format!("{year}"),
                "quarter" => format!("{year}-Q{}", (month + 2) / 3),
                "month" => format!("{year}-{month:02}"),
                "day" => format!("{year}-{month:02}-{date:02}"),
                // Weeks are of the year that their Thursday is in; day 0 was a Thursday.
                _ => {
                    let thursday = day - (day + 3).rem_euclid(7) + 3;
                    let (year, ..) = civil(thursday);
                    format!("{year}-W{:02}", (thursday - day_of(year, 1, 1)) / 7 + 1)
                }
            }
        };
        let mut expected: BTreeMap<(&str, String), Recount> = BTreeMap::new();
        for (meter, (meter_name, _)) in OWNED.iter().enumerate() {
            let wanted = |report: &&Sent| report.counts[meter] > 0;
            for (at, report) in self.sent.iter().enumerate().filter(|(_, it)| wanted(it)) {
                let sum = expected.entry((meter_name, name(report.at_ms))).or_default();
                sum.add(report, granted(&self.sent, meter)[at]);
            }
        }
        let path = format!("{SUMMARIES}?period={unit}&timeZone={}&from=2023-11-01", place.zone());
        let answer = self.office.get(&path, &admin).await.value(200);
        let rows = answer["data"].as_array().unwrap();
        let found: Vec<_> = rows.iter().map(|row| json!([row["meter"], row["period"]])).collect();
        let keys: Vec<_> = expected.keys().map(|(meter, period)| json!([meter, period])).collect();
        assert_eq!(found, keys, "{path}");
        for (row, sum) in rows.iter().zip(expected.values()) {
            let mut usage = row.clone();
            usage.as_object_mut().unwrap().retain(|name, _| name != "meter" && name != "period");
            let (from_ms, until_ms) = (row["from"].as_i64().unwrap(), row["to"].as_i64().unwrap());
            assert_eq!(usage, wire(sum, from_ms, until_ms), "{path}");
            // Both ends are where the calendar has another period.
            let period = row["period"].as_str().unwrap();
            assert_eq!((&*name(from_ms), &*name(until_ms - 1)), (period, period), "{path}");
            assert!(name(from_ms - 1) != period && name(until_ms) != period, "{path} {period}");
        }
        self.check_csv(&path, &admin, rows.clone()).await;
    }
}

/// A line for each meter and time, as CSV has it.
fn lines_of_overview(overview: &Value) -> Vec<Value> {
    let mut lines = Vec::new();
    for row in overview["data"].as_array().unwrap() {
        for time in ["yearToDate", "lastMonth", "lastQuarter", "lastYear"] {
            let mut line = row[time].clone();
            line["meter"] = row["meter"].clone();
            line["period"] = json!(time);
            lines.push(line);
        }
    }
    lines
}

#[tokio::test]
async fn a_metered_year_is_reported_by_the_calendar_of_two_places() {
    let start_ms = day_of(2023, 12, 1) * DAY_MS - DAY_MS;
    let year = Year { office: office_at(start_ms).await, sent: sent() };
    let office = &year.office;
    let instance = office.instance("main", "NORTHWIND").await;
    for (name, count) in OWNED {
        put(office, &instance, name, metered(), count).await;
    }
    // When somebody looks: in summer, after a quarter and after the year.
    let mut looks = [
        day_of(2024, 7, 10) * DAY_MS + 15 * HOUR_MS,
        day_of(2024, 11, 20) * DAY_MS,
        day_of(2025, 1, 1) * DAY_MS + 2 * HOUR_MS,
        day_of(2025, 2, 5) * DAY_MS + 7 * HOUR_MS,
    ]
    .into_iter()
    .peekable();
    for (number, report) in year.sent.iter().enumerate() {
        while let Some(look_ms) = looks.next_if(|look_ms| *look_ms < report.at_ms) {
            office.server.pass(look_ms - office.server.app.now_ms());
            year.check_overview(&year.sent[..number]).await;
        }
        office.server.pass(report.at_ms - office.server.app.now_ms());
        let host = format!("{}/STRING", report.host);
        let user = report.user.as_ref().map(|user| format!("{user}/USER"));
        let hosts: Vec<&str> = [Some(&*host), user.as_deref()].into_iter().flatten().collect();
        let wanted = [("sessions", report.counts[0]), ("users", report.counts[1])];
        serve(office, &instance, &hosts, &wanted).await;
    }
    assert!(looks.next().is_none(), "everybody looked");
    assert!(recount(&year.sent, 1, 0, i64::MAX).denied > 0, "the cap was met");
    office.server.pass(DAY_MS);
    year.check_overview(&year.sent).await;
    let verified = licet_engine::verify(&*year.office.server.store, |_, _| {}).await.unwrap();
    assert_eq!(verified.findings, []);
    for place in [Place::Berlin, Place::NewYork] {
        for unit in ["year", "quarter", "month", "week", "day"] {
            year.check_periods(place, unit).await;
        }
    }
}
