use proptest::prelude::*;

use super::{arbitrary::any_model, *};

const NOW_MS: i64 = 1_000;

fn slice<'a>(feature: &'a str, text: &str, count: u64) -> Slice<'a> {
    Slice {
        feature,
        version: version(text),
        count,
        starts_at_ms: 0,
        ends_at_ms: None,
        vendor_string: "",
        product_name: "",
        activation_id: "",
    }
}

/// The counts of each slice in the pools of the model and the default pool.
fn counts(model: &Model, slices: &[Slice<'_>]) -> Vec<Vec<u64>> {
    let allocation = model.allocate(slices, NOW_MS);
    let pools = (0..model.pools().len()).map(PoolRef::Named).chain([PoolRef::Default]);
    let pools: Vec<PoolRef> = pools.collect();
    let of = |slice| pools.iter().map(|pool| allocation.count(*pool, slice)).collect();
    (0..slices.len()).map(of).collect()
}

#[test]
fn pools_are_filled_in_their_order_and_the_default_pool_holds_the_rest() {
    let model = divided(r#"partition "eng" { f 1.0 6 } partition "ops" { f 1.0 6 g 1.0 1 }"#);
    let slices = [slice("f", "1.0", 10), slice("g", "1.0", 3), slice("h", "1.0", 7)];
    assert_eq!(counts(&model, &slices), [[6, 4, 0], [0, 1, 2], [0, 0, 7]]);
    assert_eq!(counts(&model, &slices[2..]), [[0, 0, 7]]);
    assert_eq!(model.allocate(&[], NOW_MS), Allocation::default());
}

#[test]
fn a_percentage_is_of_all_and_rounds_down() {
    let thirds = divided(
        r#"partition "a" { f 1.0 33% } partition "b" { f 1.0 33% } partition "c" { f 1.0 33% }"#,
    );
    assert_eq!(counts(&thirds, &[slice("f", "1.0", 10)]), [[3, 3, 3, 1]]);
    let rest = divided(r#"partition "a" { f 1.0 33% } partition "b" { f 1.0 remainder }"#);
    assert_eq!(counts(&rest, &[slice("f", "1.0", 10)]), [[3, 7, 0]]);
    let whole = divided(r#"partition "a" { f 1.0 100% } partition "b" { f 1.0 100% }"#);
    assert_eq!(counts(&whole, &[slice("f", "1.0", 10)]), [[10, 0, 0]]);
    let largest = slice("f", "1.0", u64::MAX);
    assert_eq!(counts(&rest, &[largest, largest])[1], [0, u64::MAX, 0]);
}

#[test]
fn the_exact_version_goes_first_then_the_next_higher_never_a_lower_one() {
    let model = divided(r#"partition "p" { f 2.0 12 }"#);
    let slices = [
        slice("f", "3.0", 5),
        slice("f", "2.10", 5),
        slice("f", "2.0", 5),
        slice("f", "1.0", 5),
        slice("f", "2.2", 5),
    ];
    assert_eq!(counts(&model, &slices), [[0, 5], [2, 3], [5, 0], [0, 5], [5, 0]]);
    let any = divided(r#"partition "p" { f 0 50% }"#);
    assert_eq!(counts(&any, &slices), [[0, 5], [0, 5], [5, 0], [5, 0], [2, 3]]);
}

#[test]
fn of_one_version_the_longest_goes_first() {
    let model = divided(r#"partition "p" { f 1.0 12 }"#);
    let until = |end| Slice { ends_at_ms: end, ..slice("f", "1.0", 5) };
    let slices = [until(Some(5_000)), until(None), until(Some(9_000)), until(Some(9_000))];
    assert_eq!(counts(&model, &slices), [[0, 5], [5, 0], [5, 0], [2, 3]]);
    // An exact version that ends soon still goes before a higher one.
    let higher = [slice("f", "2.0", 10), until(Some(1_001))];
    assert_eq!(counts(&model, &higher), [[7, 3], [5, 0]]);
}

#[test]
fn what_has_not_started_or_has_ended_stays_in_the_default_pool_and_does_not_count() {
    let model = divided(r#"partition "p" { f 1.0 50% } partition "q" { f 1.0 remainder }"#);
    let slices = [
        Slice { starts_at_ms: NOW_MS + 1, ..slice("f", "1.0", 10) },
        Slice { ends_at_ms: Some(NOW_MS - 1), ..slice("f", "1.0", 10) },
        Slice { starts_at_ms: NOW_MS, ends_at_ms: Some(NOW_MS), ..slice("f", "1.0", 10) },
    ];
    assert_eq!(counts(&model, &slices), [[0, 0, 10], [0, 0, 10], [5, 5, 0]]);
}

#[test]
fn counts_are_told_apart_by_vendor_string_product_and_activation_id() {
    let model = divided(
        r#"partition "gold" { f 1.0 100% vendor string matches ~/TIER:GOLD.*/ }
           partition "suite" { f 1.0 100% product name matches "Suite" }
           partition "pilot" { f 1.0 2 vendor string matches "" activation ID matches ~/act-\d/ }"#,
    );
    let plain = slice("f", "1.0", 5);
    let slices = [
        Slice { vendor_string: "TIER:GOLD;EU", product_name: "Suite", ..plain },
        Slice { vendor_string: "TIER:SILVER", product_name: "Suite", ..plain },
        Slice { activation_id: "act-7", ..plain },
        Slice { activation_id: "act-77", ..plain },
    ];
    assert_eq!(counts(&model, &slices), [[5, 0, 0, 0], [0, 5, 0, 0], [0, 0, 2, 3], [0, 0, 0, 5]]);
}

#[test]
fn a_slice_that_a_pool_takes_twice_has_one_share_there() {
    let model = divided(r#"partition "p" { f 2.0 3 f 1.0 4 max 2 }"#);
    let allocation = model.allocate(&[slice("f", "2.0", 10)], NOW_MS);
    let share = |pool, count| Share { pool, slice: 0, count };
    assert_eq!(allocation.shares, [share(PoolRef::Named(0), 7), share(PoolRef::Default, 3)]);
}

#[test]
fn the_most_that_one_may_hold_is_that_of_the_nearest_version() {
    let model = divided(r#"partition "p" { f 1.0 4 max 2 f 2.0 3 max 5 g 1.0 1 }"#);
    let pool = &model.pools()[0];
    assert_eq!(pool.max_of(&slice("f", "1.9", 1)), Some(2));
    assert_eq!(pool.max_of(&slice("f", "2.1", 1)), Some(5));
    assert_eq!(pool.max_of(&slice("f", "0.9", 1)), None);
    assert_eq!(pool.max_of(&slice("g", "1.0", 1)), None);
}

fn any_slice() -> impl Strategy<Value = Slice<'static>> {
    let one_of = |values: &'static [&'static str]| prop::sample::select(values);
    (
        one_of(&["render", "scan"]),
        one_of(&["0", "1.0", "1.2", "1.10", "2.0"]),
        0_u64..30,
        prop::sample::select(vec![0, NOW_MS, NOW_MS + 1]),
        prop::option::of(prop::sample::select(vec![NOW_MS - 1, NOW_MS, 5_000, 9_000])),
        (one_of(&["", "TIER:GOLD"]), one_of(&["", "Suite"]), one_of(&["", "a/b"])),
    )
        .prop_map(|(feature, text, count, starts_at_ms, ends_at_ms, strings)| Slice {
            feature,
            version: version(text),
            count,
            starts_at_ms,
            ends_at_ms,
            vendor_string: strings.0,
            product_name: strings.1,
            activation_id: strings.2,
        })
}

/// Moves counts one by one, each time the best that is left.
fn naive(model: &Model, slices: &[Slice<'_>]) -> Vec<Vec<u64>> {
    let mut left: Vec<u64> = slices.iter().map(|slice| slice.count).collect();
    let mut table = vec![vec![0; model.pools().len() + 1]; slices.len()];
    for (pool, feature) in model
        .pools()
        .iter()
        .enumerate()
        .flat_map(|(at, it)| it.features.iter().map(move |f| (at, f)))
    {
        let may_take = |at: &usize| slices[*at].is_current(NOW_MS) && feature.takes(&slices[*at]);
        let all: u64 = (0..slices.len()).filter(may_take).map(|at| slices[at].count).sum();
        let wanted = match feature.amount {
            Amount::Count(count) => count,
            Amount::Percent(percent) => all * u64::from(percent) / 100,
            Amount::Remainder => all,
        };
        for _ in 0..wanted.min(all) {
            let better = |a: &usize, b: &usize| {
                let end = |at: usize| slices[at].ends_at_ms.unwrap_or(i64::MAX);
                let by_version = slices[*a].version.cmp(&slices[*b].version);
                by_version.then(end(*b).cmp(&end(*a))).then(a.cmp(b))
            };
            let rest = (0..slices.len()).filter(may_take).filter(|at| left[*at] > 0);
            let Some(best) = rest.min_by(better) else { break };
            left[best] -= 1;
            table[best][pool] += 1;
        }
    }
    for (row, left) in table.iter_mut().zip(left) {
        *row.last_mut().expect("the default pool is always there") = left;
    }
    table
}

proptest! {
    #[test]
    fn counts_go_where_a_naive_model_puts_them(
        model in any_model(),
        slices in prop::collection::vec(any_slice(), 0..8),
    ) {
        prop_assert_eq!(counts(&model, &slices), naive(&model, &slices));
    }

    #[test]
    fn every_count_is_somewhere_and_none_twice(
        model in any_model(),
        slices in prop::collection::vec(any_slice(), 0..8),
    ) {
        let allocation = model.allocate(&slices, NOW_MS);
        for (index, slice) in slices.iter().enumerate() {
            let shares = allocation.shares.iter().filter(|share| share.slice == index);
            prop_assert_eq!(shares.clone().map(|share| share.count).sum::<u64>(), slice.count);
            for share in shares {
                prop_assert!(share.count > 0);
                if let PoolRef::Named(pool) = share.pool {
                    let features = &model.pools()[pool].features;
                    prop_assert!(features.iter().any(|feature| feature.takes(slice)));
                    prop_assert!(slice.is_current(NOW_MS));
                }
            }
        }
        let mut places: Vec<_> = allocation.shares.iter().map(|it| (it.pool, it.slice)).collect();
        places.sort_unstable();
        places.dedup();
        prop_assert_eq!(places.len(), allocation.shares.len());
    }
}
