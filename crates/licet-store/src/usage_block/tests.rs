use proptest::prelude::*;

use super::*;

/// Few texts, so that they come again, and some that nothing is like.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["", "user", "device", "ada", "101"]).prop_map(str::to_owned),
        1 => ".{0,40}",
    ]
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0..5_i64, 1 => any::<i64>()]
}

prop_compose! {
    fn any_row()(
        ids in (0..4_u128, 0..9_u128, number(), number()),
        texts in prop::array::uniform8(text()),
        numbers in prop::array::uniform6(number()),
        meta_data in prop::option::of(text()),
        kind in prop::sample::select(vec![
            UsageKind::Tokens, UsageKind::Feature, UsageKind::DeniedFeature,
        ]),
    ) -> UsageRow {
        let [consumer_type, consumer_id, item, item_version, activation_id, session_state, code, user] =
            texts;
        UsageRow {
            correlation_id: Uuid::from_u128(ids.1),
            usage_time_ms: ids.2,
            write_time_ms: ids.3,
            account_id: "NORTHWIND".to_owned(),
            consumer_type,
            consumer_id,
            meter_cost: numbers[0],
            meter_quantity: numbers[1],
            item,
            item_version,
            item_quantity: numbers[2],
            activation_id,
            mapped_entitled_count: numbers[3],
            used: numbers[4],
            overdraft_count: numbers[5],
            session_id: (ids.0 > 0).then(|| Uuid::from_u128(ids.0)),
            session_state,
            request_response: code,
            meta_data,
            kind,
            user,
            ..UsageRow::default()
        }
    }
}

fn everything() -> UsageFilter {
    UsageFilter {
        from_ms: i64::MIN,
        until_ms: i64::MAX,
        limit: usize::MAX,
        ..UsageFilter::default()
    }
}

/// All rows, with ids from 1 on.
fn unpack(blocks: &[UsageBlock], filter: &UsageFilter) -> Vec<UsageRow> {
    let (mut rows, mut first_row_id) = (Vec::new(), 1);
    for block in blocks {
        let block = StoredBlock {
            first_row_id,
            instance_id: block.instance_id,
            account_id: &block.account_id,
            rows: i64::from(block.rows),
            body: &block.body,
        };
        block.collect(filter, &mut rows).unwrap();
        first_row_id += block.rows;
    }
    rows
}

fn numbered(rows: Vec<UsageRow>) -> Vec<UsageRow> {
    (1..).zip(rows).map(|(row_id, row)| UsageRow { row_id, ..row }).collect()
}

fn plain(at: i64) -> UsageRow {
    UsageRow {
        correlation_id: Uuid::from_u128(7),
        usage_time_ms: at,
        account_id: "NORTHWIND".to_owned(),
        consumer_type: "user".to_owned(),
        consumer_id: format!("user-{}", at % 1_000),
        meter_quantity: 2,
        mapped_entitled_count: i64::MAX,
        used: 2 * at,
        ..UsageRow::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_come_back_as_they_were(rows in prop::collection::vec(any_row(), 0..40)) {
        let rows = numbered(rows);
        // The last millisecond of all is before no end.
        let rows: Vec<_> = rows.into_iter().filter(|row| row.usage_time_ms < i64::MAX).collect();
        let rows = numbered(rows);
        prop_assert_eq!(unpack(&UsageBlock::pack(&rows), &everything()), rows);
    }

    #[test]
    fn a_filter_finds_what_it_would_among_plain_rows(
        rows in prop::collection::vec(any_row(), 0..40),
        (from_ms, until_ms, after_row_id) in (-1..4_i64, 0..6_i64, 0..20_i64),
        (item, consumer_id) in (prop::option::of(text()), prop::option::of(text())),
        (activation_id, limit) in (prop::option::of(text()), 1..9_usize),
    ) {
        let filter = UsageFilter {
            from_ms, until_ms, after_row_id, item, consumer_id, activation_id, limit,
            ..UsageFilter::default()
        };
        let rows = numbered(rows);
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|it| it == found);
        let expected = rows.iter().filter(|row| {
            (from_ms..until_ms).contains(&row.usage_time_ms)
                && row.row_id > after_row_id
                && is(&filter.item, &row.item)
                && is(&filter.consumer_id, &row.consumer_id)
                && is(&filter.activation_id, &row.activation_id)
        });
        let expected: Vec<_> = expected.take(limit).cloned().collect();
        prop_assert_eq!(unpack(&UsageBlock::pack(&rows), &filter), expected);
    }
}

#[test]
fn a_block_ends_with_its_hour_and_is_not_too_long() {
    let rows: Vec<_> = (0..10_000).map(|at| plain(HOUR_MS - 1_000 + at)).collect();
    let blocks = UsageBlock::pack(&rows);
    let ends: Vec<_> = blocks.iter().map(|block| (block.rows, block.last_ms)).collect();
    let last_ms = |row: i64| HOUR_MS - 1_001 + row;
    let expected = [(1_000, 1_000), (4_096, 5_096), (4_096, 9_192), (808, 10_000)]
        .map(|(rows, to)| (rows, last_ms(to)));
    assert_eq!(ends, expected);
    assert!(blocks.iter().all(|block| block.first_ms > block.last_ms - HOUR_MS));

    let long = UsageRow { meta_data: Some("x".repeat(100_000)), ..plain(0) };
    let others =
        (0..9).map(|at| UsageRow { meta_data: Some(format!("{at}").repeat(100_000)), ..plain(0) });
    let rows: Vec<_> = std::iter::repeat_n(long, 50).chain(others).collect();
    let counts: Vec<_> = UsageBlock::pack(&rows).iter().map(|block| block.rows).collect();
    assert_eq!(counts, [52, 3, 3, 1], "what comes again takes no room");
}

#[test]
fn an_ordinary_row_takes_few_bytes() {
    let rows: Vec<_> = (0..4_000).map(plain).collect();
    let blocks = UsageBlock::pack(&rows);
    let [block] = &*blocks else { panic!("{}", blocks.len()) };
    assert!(block.body.len() < 4_000 * 12, "{}", block.body.len());
}

#[test]
fn every_changed_byte_and_every_cut_is_noticed() {
    let mut blocks = UsageBlock::pack(&[plain(1), plain(2)]);
    let block = blocks.remove(0);
    assert_eq!(block.entries().unwrap().count(), 2);
    for at in 0..block.body.len() {
        let mut changed = block.clone();
        changed.body[at] ^= 0x40;
        assert!(matches!(changed.entries(), Err(StoreError::Damaged(_))), "byte {at}");
        changed.body.truncate(at);
        changed.entries().unwrap_err();
    }
    UsageBlock { rows: 1, ..block.clone() }.entries().unwrap_err();
    UsageBlock { instance_id: Uuid::from_u128(1), ..block }.entries().unwrap_err();
}

#[test]
fn what_fits_its_checksum_and_is_no_row_is_damage_too() {
    let block = UsageBlock::pack(&[plain(1)]).remove(0);
    let rows = &block.body[..block.body.len() - CHECKSUM_BYTES];
    for cut in 1..rows.len() {
        let mut body = rows[..cut].to_vec();
        let sum = checksum(block.instance_id, block.rows, &body);
        body.extend_from_slice(&sum.to_le_bytes());
        let cut_short = UsageBlock { body, ..block.clone() };
        let read: Result<Vec<_>, _> = cut_short.entries().unwrap().collect();
        assert!(matches!(read, Err(StoreError::Damaged(_))), "cut at {cut}");
    }
}
