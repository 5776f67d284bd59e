//! Random models.

use proptest::prelude::*;

use super::*;

type Text = Matcher<Box<str>>;

/// Any text that is allowed as a name.
fn any_name() -> impl Strategy<Value = Box<str>> {
    let odd = ["\"", "\\", "/", "~/x/", "//", "/*", "*", "{", " ", "größe", "默", "\\\"", "on"];
    let odd = prop::sample::select(odd.to_vec()).prop_map(str::to_owned);
    let written = prop_oneof![odd, "[a-zA-Z0-9 _.:/\\\\\"'-]{1,12}", "[^\\p{C}]{1,8}"];
    written
        .prop_filter("names have no control characters", |it| !it.contains(char::is_control))
        .prop_map(|text| text.into())
}

fn any_pattern() -> impl Strategy<Value = Pattern> {
    let sources = [
        "",
        "a",
        ".*",
        "a/b",
        r"\d+",
        r"[^/]+\.x",
        r"\\",
        r"\\/x",
        "TIER:.*",
        "\"",
        "(?i)a|b",
        "默?",
    ];
    prop::sample::select(sources.to_vec()).prop_map(|it| Pattern::new(it).expect(it))
}

fn any_text() -> impl Strategy<Value = Text> {
    let value = prop_oneof![any_name(), Just("".into())];
    prop_oneof![
        3 => value.prop_map(Matcher::Exactly),
        1 => any_pattern().prop_map(Matcher::Pattern),
    ]
}

fn any_host_id() -> impl Strategy<Value = Matcher<HostId>> {
    let kind = prop::sample::select(vec!["STRING", "ethernet", "USER", ""]);
    prop_oneof![
        3 => (any_name(), kind).prop_map(|(value, kind)| Matcher::Exactly(HostId::new(&value, kind))),
        1 => any_pattern().prop_map(Matcher::Pattern),
    ]
}

fn any_entry() -> impl Strategy<Value = DictionaryEntry> {
    let value = prop::option::of(
        any_text().prop_filter("means any", |value| *value != Matcher::Exactly("*".into())),
    );
    (any_name(), value).prop_map(|(key, value)| DictionaryEntry { key, value })
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let several = 1..4_usize;
    let test = prop_oneof![
        Just(Condition::Any),
        prop::collection::vec(any_host_id(), several.clone()).prop_map(Condition::HostId),
        prop::collection::vec(any_text(), several.clone()).prop_map(Condition::HostName),
        prop::collection::vec(any_text(), several.clone()).prop_map(Condition::HostType),
        prop::collection::vec(any_entry(), several).prop_map(Condition::Dictionary),
    ];
    test.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|it| Condition::Not(Box::new(it))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::All),
            prop::collection::vec(inner, 2..4).prop_map(Condition::OneOf),
        ]
    })
}

fn any_version() -> impl Strategy<Value = Version> {
    prop::sample::select(vec!["0", "1.0", "1.2", "1.10", "2", "1.0.3.4"]).prop_map(version)
}

fn any_feature() -> impl Strategy<Value = PoolFeature> {
    let amount = prop_oneof![
        (0_u64..40).prop_map(Amount::Count),
        Just(Amount::Count(MAX_COUNT)),
        (0_u8..=100).prop_map(Amount::Percent),
        Just(Amount::Remainder),
    ];
    // Few names and values, so that slices match.
    let name = prop::sample::select(vec!["render", "scan", "render", "a \"b\""]);
    let text = |values: [&'static str; 2]| {
        let known = prop::sample::select(values.to_vec());
        let known = known.prop_map(|it| Matcher::Exactly(it.into()));
        prop::option::weighted(0.2, prop_oneof![3 => known, 1 => any_text()])
    };
    let texts = (text(["", "TIER:GOLD"]), text(["", "Suite"]), text(["", "a/b"]));
    (name, any_version(), amount, prop::option::of(1..=MAX_COUNT), texts).prop_map(
        |(name, version, amount, max, (vendor_string, product_name, activation_id))| PoolFeature {
            name: name.into(),
            version,
            amount,
            max,
            vendor_string,
            product_name,
            activation_id,
        },
    )
}

/// Pools of different names, without features that would be refused.
fn any_pools() -> impl Strategy<Value = Vec<Pool>> {
    let features = prop::collection::vec(any_feature(), 0..4);
    prop::collection::vec((any_name(), features), 0..4).prop_map(|drafts| {
        let mut pools: Vec<Pool> = Vec::new();
        for (name, features) in drafts {
            let is_free = pools.iter().all(|pool| pool.name != name)
                && !name.eq_ignore_ascii_case(DEFAULT_POOL);
            if is_free {
                pools.push(Pool { name, features: Vec::new() });
                features.into_iter().for_each(|feature| add(&mut pools, feature));
            }
        }
        pools
    })
}

/// Adds a feature to the last pool unless that is a mistake.
fn add(pools: &mut [Pool], feature: PoolFeature) {
    let is_greedy = |it: &PoolFeature| it.amount == Amount::Remainder && it.covers(&feature);
    let is_late = pools.iter().flat_map(|pool| &pool.features).any(is_greedy);
    let Some(pool) = pools.last_mut() else { return };
    if !is_late && !pool.features.iter().any(|it| it.repeats(&feature)) {
        pool.features.push(feature);
    }
}

fn any_unasked(pool: impl Strategy<Value = PoolRef>) -> impl Strategy<Value = Unasked> {
    prop_oneof![
        pool.prop_map(Unasked::AllFrom),
        (any_name(), any_version(), 0..=MAX_COUNT)
            .prop_map(|(name, version, count)| Unasked::Feature { name, version, count }),
    ]
}

fn any_rule(pools: usize) -> impl Strategy<Value = Rule> {
    let pool = (0..=pools).prop_map(move |index| match index == pools {
        true => PoolRef::Default,
        false => PoolRef::Named(index),
    });
    let action = prop::sample::select(vec![Action::Accept, Action::Continue, Action::Deny]);
    let used = prop::collection::vec(pool.clone(), 0..4);
    let unasked = prop::collection::vec(any_unasked(pool), 0..3);
    (any_condition(), used, unasked, action).prop_map(|(condition, pools, unasked, action)| {
        match action {
            Action::Deny => Rule { condition, pools: vec![], unasked: vec![], action },
            action => Rule { condition, pools, unasked, action },
        }
    })
}

/// Any model that can be written.
pub(super) fn any_model() -> impl Strategy<Value = Model> {
    let name = any_name().prop_filter("reserved", |name| {
        !RESERVED_MODEL_NAMES.iter().any(|reserved| name.eq_ignore_ascii_case(reserved))
    });
    (name, any_pools()).prop_flat_map(|(name, pools)| {
        let rules = prop::collection::vec(any_rule(pools.len()), 0..4);
        rules.prop_map(move |rules| Model { name: name.clone(), pools: pools.clone(), rules })
    })
}
