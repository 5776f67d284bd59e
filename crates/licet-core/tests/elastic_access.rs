//! One-off access requests: which line items pay, how much, and who is refused.

mod support;

use licet_core::{
    Command, ItemCode, LineItemState, MICROS, Refusal, Reply, ResetFrequency, SessionResult,
};
use support::{
    DAY, HOUR, Rule, Terms, World, ada, codes, count, folded, from, item, item_with, key, minute,
    paid_by, refunded_to, render, request, terms, tokens,
};

fn studio() -> World {
    World::new().rate("Render", "2.0", "7").rate("Denoise", "", "0.25")
}

// ---- rules of access

fn departments() -> World {
    let rules =
        [Rule::Allow("Engineering", "150"), Rule::Allow("Marketing", "50"), Rule::DenyOthers];
    World::new().rate("Render", "2.0", "1").line("L1", "200").rules("L1", &rules)
}

#[test]
fn departments_share_a_line_item_by_their_allocations() {
    let mut world = departments();
    assert_eq!(world.ask_from("Engineering", render("100")).code, ItemCode::Charged);
    assert_eq!(world.ask_from("Marketing", render("50")).code, ItemCode::Charged);
    // 50 of its 150 are left to Engineering, and nothing to Marketing.
    assert_eq!(world.ask_from("Engineering", render("50")).code, ItemCode::Charged);
    assert_eq!(world.used("L1"), "200");
    let used = [("Engineering", "150"), ("Marketing", "50"), ("others", "0")];
    let used = used.map(|(name, used)| (name.to_owned(), used.to_owned()));
    assert_eq!(world.used_by_action("L1"), used);
}

#[test]
fn an_allocation_that_is_used_up_denies_while_tokens_are_left() {
    let mut world = departments();
    assert_eq!(world.ask_from("Marketing", render("50")).code, ItemCode::Charged);
    let denied = world.ask_from("Marketing", render("1"));
    assert_eq!((denied.code, denied.granted), (ItemCode::DeniedByRules, count("0")));
    assert_eq!(world.used("L1"), "50");
}

#[test]
fn a_request_beyond_an_allocation_takes_nothing_and_is_denied_by_rules() {
    let mut world = departments();
    // 160 of 200 tokens are there, but Engineering may take 150.
    assert_eq!(world.ask_from("Engineering", render("160")).code, ItemCode::DeniedByRules);
    // Not even 200 would do.
    assert_eq!(world.ask_from("Engineering", render("201")).code, ItemCode::Insufficient);
    assert_eq!(world.used("L1"), "0");
}

#[test]
fn whoever_no_rule_allows_is_denied_whatever_is_left() {
    let mut world = departments();
    assert_eq!(world.ask_from("Sales", render("1")).code, ItemCode::DeniedByRules);
    assert_eq!(world.ask(render("1")).code, ItemCode::DeniedByRules);
    // More tokens would not help them, so "insufficient" would mislead.
    assert_eq!(world.ask_from("Sales", render("201")).code, ItemCode::DeniedByRules);
    world.ask_from("Engineering", render("150"));
    world.ask_from("Marketing", render("50"));
    assert_eq!(world.ask_from("Sales", render("1")).code, ItemCode::DeniedByRules);
}

#[test]
fn actions_without_a_match_or_default_make_a_line_item_unusable() {
    let mut world = World::new()
        .rate("Render", "2.0", "1")
        .line("L1", "10")
        .rules("L1", &[Rule::AllowAll("Engineering")]);
    assert_eq!(world.ask_from("Sales", render("1")).code, ItemCode::DeniedByRules);
    assert_eq!(world.ask_from("Engineering", render("10")).code, ItemCode::Charged);
}

#[test]
fn a_line_item_that_denies_is_passed_over_for_the_next() {
    let mut world = World::new()
        .rate("Render", "2.0", "1")
        .line_with(terms("L1", "100").ending(DAY))
        .line_with(terms("L2", "100").ending(2 * DAY))
        .line_with(terms("L3", "100").ending(3 * DAY))
        .rules("L1", &[Rule::Deny("Sales"), Rule::AllowOthers("100")])
        .rules("L2", &[Rule::Allow("Sales", "30")]);
    assert_eq!(paid_by(&world.ask_from("Sales", render("50"))), "L2 30, L3 20");
}

#[test]
fn an_allocation_bounds_overdraft_too() {
    let mut world = World::new()
        .rate("Render", "2.0", "1")
        .line_with(terms("L1", "10").overdraft("100"))
        .rules("L1", &[Rule::Allow("Sales", "15")]);
    assert_eq!(world.ask_from("Sales", render("16")).code, ItemCode::DeniedByRules);
    assert_eq!(paid_by(&world.ask_from("Sales", render("15"))), "L1 15");
    assert_eq!(world.used("L1"), "15");
}

#[test]
fn items_of_one_request_share_an_allocation() {
    let mut world = departments();
    let outcome = world.one_off(from("Marketing"), &[render("30"), render("30"), render("20")]);
    let expected = [ItemCode::Charged, ItemCode::DeniedByRules, ItemCode::Charged];
    assert_eq!(codes(&outcome), expected);
    assert_eq!(world.used("L1"), "50");
}

// ---- order of consumption

#[test]
fn the_line_item_that_ends_first_pays_first_and_the_next_pays_the_rest() {
    let mut world = World::new()
        .rate("A", "", "3")
        .rate("B", "", "7")
        .line_with(terms("L2", "100").ending(60 * DAY))
        .line_with(terms("L1", "10").ending(30 * DAY));
    let outcome = world.one_off(ada(), &[item("A", "", "1"), item("B", "", "8")]);
    assert_eq!(codes(&outcome), [ItemCode::Charged, ItemCode::Charged]);
    assert_eq!(paid_by(&outcome.items[0]), "L1 3");
    assert_eq!(paid_by(&outcome.items[1]), "L1 7, L2 49");
    assert_eq!((world.used("L1"), world.used("L2")), ("10".to_owned(), "49".to_owned()));
    let afters = outcome.items[1].charges.iter().map(|charge| charge.used_after.to_string());
    assert_eq!(afters.collect::<Vec<_>>(), ["10", "49"]);
    assert_eq!(outcome.items[1].tokens(), tokens("56"));
}

#[test]
fn of_two_that_end_together_the_one_that_starts_first_pays_then_the_smaller_name() {
    let mut world = World::new()
        .rate("Render", "2.0", "1")
        .line_with(terms("L4", "1").ending(30 * DAY).starting(1))
        .line_with(terms("L3", "1").ending(30 * DAY))
        .line_with(terms("L2", "1").ending(30 * DAY))
        .line_with(terms("L1", "1").ending(31 * DAY));
    assert_eq!(paid_by(&world.at(2).ask(render("4"))), "L2 1, L3 1, L4 1, L1 1");
}

#[test]
fn the_price_of_one_unit_may_be_split() {
    let mut world = studio()
        .line_with(terms("L1", "3").ending(30 * DAY))
        .line_with(terms("L2", "100").ending(60 * DAY));
    assert_eq!(paid_by(&world.ask(render("1"))), "L1 3, L2 4");
}

#[test]
fn a_split_over_different_rates_is_counted_in_units_exactly() {
    let mut world = World::new()
        .rate_in("Three", "Render", "2.0", "3")
        .rate_in("Seven", "Render", "2.0", "7")
        .rate_in("TwentyOne", "Render", "2.0", "21")
        .line_with(terms("L1", "10").ending(DAY).priced_by("Three"))
        .line_with(terms("L2", "5").ending(2 * DAY).priced_by("Seven"))
        .line_with(terms("L3", "100").ending(3 * DAY).priced_by("TwentyOne"));
    // 10/3 units and 5/7 of a unit leave 20/21 of a unit, which costs 20, not 20.000001.
    let outcome = world.ask(render("5"));
    assert_eq!(paid_by(&outcome), "L1 10, L2 5, L3 20");
    let rates = outcome.charges.iter().map(|charge| charge.rate.to_string());
    assert_eq!(rates.collect::<Vec<_>>(), ["3", "7", "21"]);
}

#[test]
fn only_the_last_part_of_a_split_is_rounded() {
    let mut world = World::new()
        .rate_in("Three", "Render", "2.0", "3")
        .rate_in("Seven", "Render", "2.0", "7")
        .line_with(terms("L1", "10").ending(DAY).priced_by("Three"))
        .line_with(terms("L2", "100").ending(2 * DAY).priced_by("Seven"));
    // 5/3 units at 7.
    assert_eq!(paid_by(&world.ask(render("5"))), "L1 10, L2 11.666667");
}

#[test]
fn the_rest_of_a_split_is_rounded_half_to_even() {
    for (wanted, rest) in [("3.5", "0.000002"), ("4.5", "0.000004")] {
        let mut world = World::new()
            .rate_in("One", "Tick", "", "1")
            .rate_in("Least", "Tick", "", "0.000001")
            .line_with(terms("L1", "1").ending(DAY).priced_by("One"))
            .line_with(terms("L2", "1").ending(2 * DAY).priced_by("Least"));
        assert_eq!(paid_by(&world.ask(item("Tick", "", wanted))), format!("L1 1, L2 {rest}"));
    }
}

#[test]
fn a_charge_is_rounded_half_to_even_once() {
    let mut world = World::new().rate("Tick", "", "0.000001").line("L1", "10");
    assert_eq!(paid_by(&world.ask(item("Tick", "", "2.5"))), "L1 0.000002");
    assert_eq!(paid_by(&world.ask(item("Tick", "", "3.5"))), "L1 0.000004");
    // Too little to be charged, and granted all the same.
    let nothing = world.ask(item("Tick", "", "0.5"));
    assert_eq!((nothing.code, paid_by(&nothing)), (ItemCode::Charged, "L1 0".to_owned()));
}

#[test]
fn fractional_counts_and_rates_are_exact() {
    let mut world = studio().line("L1", "1");
    for _ in 0..10 {
        assert_eq!(world.ask(item("Denoise", "", "0.4")).code, ItemCode::Charged);
    }
    assert_eq!(world.used("L1"), "1");
    assert_eq!(world.ask(item("Denoise", "", "0.000004")).code, ItemCode::Insufficient);
}

// ---- best effort

#[test]
fn as_many_items_as_possible_are_charged_each_whole_in_their_order() {
    let mut world = studio().line("L1", "20");
    let wanted = [render("3"), item("Denoise", "", "4"), render("2"), item("Fold", "", "1")];
    let outcome = world.one_off(ada(), &wanted);
    let expected =
        [ItemCode::Insufficient, ItemCode::Charged, ItemCode::Charged, ItemCode::NotPriced];
    assert_eq!(codes(&outcome), expected);
    let granted = outcome.items.iter().map(|item| item.granted.to_string());
    assert_eq!(granted.collect::<Vec<_>>(), ["0", "4", "2", "0"]);
    assert_eq!(world.used("L1"), "15");
}

#[test]
fn a_refused_item_leaves_all_tokens_to_the_next() {
    let mut world = studio()
        .line_with(terms("L1", "10").ending(DAY))
        .line_with(terms("L2", "10").ending(2 * DAY).overdraft("1"));
    // The first takes its way over both line items and gives up; nothing of that may stay.
    let outcome = world.one_off(ada(), &[render("4"), render("3")]);
    assert_eq!(codes(&outcome), [ItemCode::Insufficient, ItemCode::Charged]);
    assert_eq!(paid_by(&outcome.items[1]), "L1 10, L2 11");
}

#[test]
fn requests_of_an_array_are_decided_one_after_the_other() {
    let mut world = studio().line("L1", "10");
    let requests = [render("1"), render("1")].map(|item| request(ada(), &[item]));
    let command = Command::AccessMany { requests: requests.into(), key: None };
    let Ok(Reply::AccessMany(outcomes)) = world.execute(command) else { panic!("outcomes") };
    let all = outcomes.iter().flat_map(|outcome| codes(outcome)).collect::<Vec<_>>();
    assert_eq!(all, [ItemCode::Charged, ItemCode::Insufficient]);
    assert_ne!(outcomes[0].correlation_id, outcomes[1].correlation_id);
    assert_eq!(world.used("L1"), "7");
}

#[test]
fn a_preview_tells_what_would_be_and_changes_nothing() {
    let mut world = studio().line("L1", "10");
    let before = world.journal.len();
    let requests = vec![request(ada(), &[render("1")]); 2];
    let Ok(Reply::AccessMany(outcomes)) = world.execute(Command::PreviewAccess { requests }) else {
        panic!("outcomes")
    };
    // Each is decided for itself.
    assert!(outcomes.iter().all(|outcome| outcome.is_granted()));
    assert_eq!((world.used("L1"), world.journal.len()), ("0".to_owned(), before));
}

// ---- overdraft

#[test]
fn overdraft_is_there_to_its_last_token() {
    let mut world =
        World::new().rate("Render", "2.0", "1").line_with(terms("L1", "10").overdraft("5"));
    assert_eq!(world.ask(render("15.000001")).code, ItemCode::Insufficient);
    assert_eq!(paid_by(&world.ask(render("12"))), "L1 12");
    assert_eq!(world.ask(render("3.000001")).code, ItemCode::Insufficient);
    assert_eq!(world.ask(render("3")).code, ItemCode::Charged);
    assert_eq!(world.ask(render("0.000001")).code, ItemCode::Insufficient);
    assert_eq!(world.used("L1"), "15");
}

#[test]
fn what_all_are_entitled_to_goes_before_any_overdraft() {
    let mut world = World::new()
        .rate("Render", "2.0", "1")
        .line_with(terms("L1", "10").ending(DAY).overdraft("5"))
        .line_with(terms("L2", "10").ending(2 * DAY).overdraft("5"));
    assert_eq!(paid_by(&world.ask(render("12"))), "L1 10, L2 2");
    // 8 entitled of L2, then overdraft of L1, then of L2, as one charge with the 8.
    assert_eq!(paid_by(&world.ask(render("16"))), "L2 11, L1 5");
    assert_eq!(world.ask(render("2.000001")).code, ItemCode::Insufficient);
    assert_eq!(paid_by(&world.ask(render("2"))), "L2 2");
}

#[test]
fn unlimited_overdraft_never_runs_dry() {
    let mut world =
        World::new().rate("Render", "2.0", "1").line_with(terms("L1", "10").unlimited());
    assert_eq!(world.ask(render("1000000")).code, ItemCode::Charged);
    assert_eq!(world.ask(render("1000000")).code, ItemCode::Charged);
    assert_eq!(world.used("L1"), "2000000");
}

#[test]
fn a_quantity_below_what_was_used_grants_nothing_until_it_fits_again() {
    let mut world = World::new().rate("Render", "2.0", "1").line("L1", "10");
    world.ask(render("8"));
    world.change_line("L1", |_| terms("L1", "5"));
    assert_eq!(world.ask(render("1")).code, ItemCode::Insufficient);
    assert_eq!(world.used("L1"), "8");
    world.change_line("L1", |_| terms("L1", "9"));
    assert_eq!(world.ask(render("2")).code, ItemCode::Insufficient);
    assert_eq!(world.ask(render("1")).code, ItemCode::Charged);
}

// ---- prices

#[test]
fn a_later_table_prices_from_its_moment_on() {
    let mut world = World::new()
        .rate("Render", "2.0", "7")
        .table_from(140, "", ("Render", "2.0", "5"))
        .line("L1", "100");
    assert_eq!(paid_by(&world.at_ms(minute(140) - 1).ask(render("1"))), "L1 7");
    assert_eq!(paid_by(&world.at(140).ask(render("1"))), "L1 5");
}

#[test]
fn a_table_replaces_the_one_before_it_whole() {
    let mut world = studio().table_from(140, "", ("Render", "2.0", "5")).line("L1", "100");
    assert_eq!(world.at(139).ask(item("Denoise", "", "1")).code, ItemCode::Charged);
    assert_eq!(world.at(140).ask(item("Denoise", "", "1")).code, ItemCode::NotPriced);
}

#[test]
fn an_item_is_found_by_name_and_exact_version_in_the_series_of_the_line_item() {
    let mut world = World::new()
        .rate("Render", "2.0", "7")
        .rate_in("Studio", "Fold", "", "1")
        .line("L1", "100");
    for missing in [item("Render", "", "1"), item("Render", "2", "1"), item("render", "2.0", "1")] {
        assert_eq!(world.ask(missing).code, ItemCode::NotPriced);
    }
    // Priced in a series, but by no line item of it.
    assert_eq!(world.ask(item("Fold", "", "1")).code, ItemCode::NotPriced);
    assert_eq!(world.ask(item("Unknown", "", "1")).code, ItemCode::NotPriced);
    assert_eq!(world.used("L1"), "0");
}

#[test]
fn an_item_that_nothing_prices_is_201_also_without_a_line_item() {
    let mut world = studio();
    assert_eq!(world.ask(item("Unknown", "", "1")).code, ItemCode::NotPriced);
    assert_eq!(world.ask(render("1")).code, ItemCode::NoLineItem);
}

#[test]
fn a_line_item_that_does_not_price_an_item_is_passed_over() {
    let mut world = World::new()
        .rate_in("Other", "Fold", "", "1")
        .rate("Render", "2.0", "7")
        .line_with(terms("L1", "100").ending(DAY).priced_by("Other"))
        .line_with(terms("L2", "100").ending(2 * DAY));
    assert_eq!(paid_by(&world.ask(render("1"))), "L2 7");
}

#[test]
fn a_formula_gives_the_rate_and_the_count_multiplies_it() {
    let mut world =
        World::new().formula("Simulate", "CEILING.MATH(nodes * hours) * 4").line("L1", "1000");
    let outcome = world.ask(item_with("Simulate", "2", &[("Nodes", "3"), ("HOURS", "0.5")]));
    assert_eq!(paid_by(&outcome), "L1 16");
    assert_eq!(outcome.charges[0].rate, tokens("8"));
}

#[test]
fn a_formula_without_a_price_is_201_and_says_why() {
    let mut world = World::new()
        .formula("Simulate", "nodes * 4")
        .formula("Quotient", "1 / nodes")
        .line("L1", "1000");
    let missing = world.ask(item_with("Simulate", "1", &[("cores", "3")]));
    assert_eq!(missing.code, ItemCode::NotPriced);
    assert!(missing.detail.expect("a description").contains("nodes"));
    let negative = world.ask(item_with("Simulate", "1", &[("nodes", "-3")]));
    assert_eq!(negative.code, ItemCode::NotPriced);
    assert!(negative.detail.expect("a description").contains("negative"));
    let by_zero = world.ask(item_with("Quotient", "1", &[("nodes", "0")]));
    assert_eq!(by_zero.code, ItemCode::NotPriced);
    assert!(by_zero.detail.expect("a description").contains("zero"));
    assert_eq!(world.used("L1"), "0");
}

#[test]
fn an_item_at_rate_zero_needs_a_line_item_but_no_tokens() {
    let mut world = World::new().rate("Free", "", "0").rate("Render", "2.0", "1");
    assert_eq!(world.ask(item("Free", "", "1")).code, ItemCode::NoLineItem);
    let mut world = world.line("L1", "10");
    assert_eq!(paid_by(&world.ask(item("Free", "", "5"))), "L1 0");
    world.ask(render("10"));
    let still = world.ask(item("Free", "", "5"));
    assert_eq!((still.granted, paid_by(&still)), (count("5"), "L1 0".to_owned()));
    assert_eq!(still.charges[0].used_after, tokens("10"));
}

#[test]
fn rules_hold_for_free_items_too() {
    let mut world = World::new()
        .rate("Free", "", "0")
        .line("L1", "10")
        .rules("L1", &[Rule::AllowAll("Engineering")]);
    assert_eq!(world.ask_from("Sales", item("Free", "", "1")).code, ItemCode::DeniedByRules);
    assert_eq!(world.ask_from("Engineering", item("Free", "", "1")).code, ItemCode::Charged);
}

#[test]
fn what_an_empty_line_item_gives_for_nothing_takes_nothing_from_the_others() {
    let mut world = World::new()
        .rate_in("Paid", "Render", "2.0", "1")
        .rate_in("Free", "Render", "2.0", "0")
        .rate_in("Free", "Drain", "", "1")
        .line_with(terms("L1", "10").ending(DAY).priced_by("Paid"))
        .line_with(terms("L2", "10").ending(2 * DAY).priced_by("Free"));
    world.ask(item("Drain", "", "10"));
    // L1 cannot pay 20, and L2 has no tokens but asks for none.
    let outcome = world.one_off(ada(), &[render("20"), render("10")]);
    assert_eq!(paid_by(&outcome.items[0]), "L2 0");
    assert_eq!(paid_by(&outcome.items[1]), "L1 10");
}

#[test]
fn a_free_item_prefers_a_line_item_that_has_tokens() {
    let mut world = World::new()
        .rate("Free", "", "0")
        .rate("Render", "2.0", "1")
        .line_with(terms("L1", "10").ending(DAY))
        .line_with(terms("L2", "10").ending(2 * DAY));
    assert_eq!(paid_by(&world.ask(item("Free", "", "1"))), "L1 0");
    // Whether L1 was emptied by the item before or by a request before is all the same.
    let outcome = world.one_off(ada(), &[render("10"), item("Free", "", "1")]);
    assert_eq!(paid_by(&outcome.items[1]), "L2 0");
    assert_eq!(paid_by(&world.ask(item("Free", "", "1"))), "L2 0");
}

// ---- time

#[test]
fn tokens_are_usable_from_start_to_end_inclusive_to_the_millisecond() {
    let mut world = World::new()
        .rate("Render", "2.0", "1")
        .line_with(terms("L1", "10").starting(140).ending(150));
    assert_eq!(world.at_ms(minute(140) - 1).ask(render("1")).code, ItemCode::NoLineItem);
    assert_eq!(world.at_ms(minute(140)).ask(render("1")).code, ItemCode::Charged);
    assert_eq!(world.at_ms(minute(150)).ask(render("1")).code, ItemCode::Charged);
    assert_eq!(world.at_ms(minute(150) + 1).ask(render("1")).code, ItemCode::NoLineItem);
}

#[test]
fn a_tolerant_site_widens_the_window_by_twelve_hours_at_either_end() {
    let (starts, ends) = (10 * DAY, 20 * DAY);
    let mut world = World::new()
        .timezone_tolerant()
        .rate("Render", "2.0", "1")
        .line_with(terms("L1", "10").starting(starts).ending(ends));
    let (first, last) = (minute(starts - 12 * HOUR), minute(ends + 12 * HOUR));
    assert_eq!(world.at_ms(first - 1).ask(render("1")).code, ItemCode::NoLineItem);
    assert_eq!(world.at_ms(first).ask(render("1")).code, ItemCode::Charged);
    assert_eq!(world.at_ms(last).ask(render("1")).code, ItemCode::Charged);
    assert_eq!(world.at_ms(last + 1).ask(render("1")).code, ItemCode::NoLineItem);
}

#[test]
fn the_clock_of_an_instance_never_goes_back() {
    let mut world = World::new()
        .rate("Render", "2.0", "1")
        .line_with(terms("L1", "10").starting(10).ending(20));
    world.at(15).ask(render("1"));
    assert_eq!(world.at(5).one_off(ada(), &[render("1")]).at_ms, minute(15));
    assert_eq!(world.used("L1"), "2");
}

// ---- the life of a line item

#[test]
fn only_deployed_line_items_pay_and_obsolete_is_final() {
    let mut world = World::new().rate("Render", "2.0", "1");
    let new = terms("L1", "10").in_state(LineItemState::Inactive);
    assert_eq!(world.put_line(new), Err(Refusal::NewLineItemNotDeployed));
    let mut world = world.line("L1", "10");
    world.ask(render("1"));
    world.change_line("L1", |line| line.in_state(LineItemState::Inactive));
    assert_eq!(world.ask(render("1")).code, ItemCode::NoLineItem);
    world.change_line("L1", |line| line.in_state(LineItemState::Deployed));
    assert_eq!(world.ask(render("1")).code, ItemCode::Charged);
    assert_eq!(world.delete_line("L1"), Err(Refusal::NotObsolete));
    world.change_line("L1", |line| line.in_state(LineItemState::Obsolete));
    assert_eq!(world.ask(render("1")).code, ItemCode::NoLineItem);
    assert_eq!(world.put_line(terms("L1", "10")), Err(Refusal::ObsoleteIsFinal));
    assert_eq!(world.delete_line("L1"), Ok(Reply::Done));
    assert_eq!(world.delete_line("L1"), Err(Refusal::LineItemNotFound("L1".into())));
    // Put anew, it starts at zero.
    let world = world.line("L1", "10");
    assert_eq!(world.used("L1"), "0");
}

#[test]
fn a_line_item_put_twice_alike_is_no_change() {
    let mut world = studio().line("L1", "10");
    world.ask(render("1"));
    let before = world.journal.len();
    let Ok(Reply::LineItemPut { line_item, is_new }) = world.at(5).put_line(terms("L1", "10"))
    else {
        panic!("a line item")
    };
    assert_eq!((is_new, line_item.used, line_item.modified_ms), (false, tokens("7"), minute(0)));
    assert_eq!(world.journal.len(), before);
}

#[test]
fn a_line_item_that_ends_before_it_starts_is_refused() {
    let terms = terms("L1", "10").starting(10).ending(9);
    assert_eq!(World::new().put_line(terms), Err(Refusal::EndsBeforeStart));
}

#[test]
fn a_line_item_that_is_not_elastic_gives_nothing() {
    let mut terms = terms("L1", "10");
    terms.elastic = false;
    let mut world = studio().line_with(terms);
    assert_eq!(world.ask(render("1")).code, ItemCode::NoLineItem);
}

// ---- resets

#[test]
fn used_starts_again_at_zero_at_the_boundary() {
    let mut world = World::new()
        .rate("Render", "2.0", "1")
        .line_with(terms("L1", "10").reset(ResetFrequency::Monthly))
        .rules("L1", &[Rule::Allow("Sales", "10")]);
    assert_eq!(world.ask_from("Sales", render("10")).code, ItemCode::Charged);
    let february = minute(31 * DAY);
    assert_eq!(world.instance.wakes_at_ms(), Some(february));
    assert_eq!(world.at_ms(february - 1).tick().used("L1"), "10");
    assert_eq!(world.at_ms(february).tick().used("L1"), "0");
    assert_eq!(world.used_by_action("L1"), [("Sales".to_owned(), "0".to_owned())]);
    assert_eq!(world.ask_from("Sales", render("10")).code, ItemCode::Charged);
    assert_eq!(world.instance.wakes_at_ms(), Some(minute(59 * DAY)));
}

#[test]
fn a_refund_after_a_reset_is_not_credited_to_the_new_period() {
    let mut world = World::new()
        .rate("Render", "2.0", "60")
        .line_with(terms("L1", "200").reset(ResetFrequency::Daily));
    let id = world.at(DAY - 30).open_with(&[render("1")]);
    world.at(DAY).ask(render("1"));
    assert_eq!(world.used("L1"), "60");
    // A quarter of an hour is left, which was paid yesterday.
    let refund = world.at(DAY + 15).close(id).expect("a refund");
    assert_eq!(refunded_to(&refund), "L1 15");
    assert_eq!(refund.lines[0].used_after, tokens("60"));
    assert_eq!(world.used("L1"), "60");
}

#[test]
fn a_charge_that_was_due_before_a_reset_counts_before_it() {
    let mut world = World::new()
        .rate("Render", "2.0", "60")
        .line_with(terms("L1", "60").reset(ResetFrequency::Daily));
    // The next charge is due at 23:50 and cannot be paid; the reset at midnight is too late,
    // also if nobody looked in time.
    let id = world.at(DAY - 70).open_with(&[render("1")]);
    world.at(DAY + 5).tick();
    let (last, automatic) = world.session_accesses().last().expect("a charge");
    assert!(automatic && last.session_id == id);
    assert_eq!(last.outcome.at_ms, minute(DAY - 10));
    assert!(matches!(last.result, SessionResult::Ended(_)));
    assert_eq!(world.used("L1"), "0");
}

#[test]
fn a_charge_that_was_due_after_a_reset_counts_after_it() {
    let mut world = World::new()
        .rate("Render", "2.0", "60")
        .line_with(terms("L1", "60").reset(ResetFrequency::Daily));
    let id = world.at(DAY - 30).open_with(&[render("1")]);
    world.at(DAY + 31).tick();
    let (last, automatic) = world.session_accesses().last().expect("a charge");
    assert!(automatic && last.session_id == id && last.is_granted());
    assert_eq!(world.used("L1"), "60");
}

#[test]
fn several_boundaries_that_nobody_saw_are_one_reset() {
    let mut world = World::new()
        .rate("Render", "2.0", "1")
        .line_with(terms("L1", "10").reset(ResetFrequency::Daily));
    world.ask(render("10"));
    let before = world.journal.len();
    world.at(5 * DAY + 1).tick();
    assert_eq!((world.journal.len(), world.used("L1")), (before + 1, "0".to_owned()));
    assert_eq!(world.instance.wakes_at_ms(), Some(minute(6 * DAY)));
}

// ---- numbers at the limits

const MOST: &str = "9223372036854.775807";

#[test]
fn the_largest_amount_can_be_charged_and_not_a_millionth_more() {
    let mut world = World::new().rate("Render", "2.0", MOST).line("L1", MOST);
    assert_eq!(world.ask(render("1.000001")).code, ItemCode::Insufficient);
    assert_eq!(world.ask(render("2")).code, ItemCode::Insufficient);
    assert_eq!(paid_by(&world.ask(render("1"))), format!("L1 {MOST}"));
    assert_eq!(world.ask(render("1")).code, ItemCode::Insufficient);
}

#[test]
fn overdraft_on_top_of_the_largest_amount_does_not_overflow() {
    for terms in [terms("L1", MOST).unlimited(), terms("L1", MOST).overdraft(MOST)] {
        let mut world = World::new().rate("Render", "2.0", "1").line_with(terms);
        assert_eq!(world.ask(render(MOST)).code, ItemCode::Charged);
        assert_eq!(world.ask(render("0.000001")).code, ItemCode::Insufficient);
    }
}

#[test]
fn an_item_never_costs_more_than_the_largest_amount_over_all_line_items() {
    let mut world = World::new()
        .rate("Render", "2.0", "2")
        .line_with(terms("L1", MOST).ending(DAY))
        .line_with(terms("L2", MOST).ending(2 * DAY));
    let refused = world.ask(render("9000000000000"));
    assert_eq!((refused.code, refused.tokens()), (ItemCode::Insufficient, tokens("0")));
    assert_eq!(world.ask(render("4611686018427")).code, ItemCode::Charged);
    assert_eq!(world.ask(render("4611686018427")).code, ItemCode::Charged);
    assert_eq!(world.line_item("L1").used.micros() % MICROS, 775_807);
}

#[test]
fn the_smallest_amounts_are_counted() {
    let mut world = World::new().rate("Render", "2.0", "0.000001").line("L1", "0.000002");
    assert_eq!(world.ask(render("1")).code, ItemCode::Charged);
    assert_eq!(world.ask(render("1")).code, ItemCode::Charged);
    assert_eq!(world.ask(render("1")).code, ItemCode::Insufficient);
}

// ---- idempotency keys

#[test]
fn the_same_request_under_the_same_key_is_charged_once() {
    let mut world = studio().line("L1", "100");
    let first = world.one_off_with(ada(), &[render("1")], Some(key("k", 1)));
    let again = world.at(60).one_off_with(ada(), &[render("1")], Some(key("k", 1)));
    assert_eq!(first, again);
    assert_eq!(world.used("L1"), "7");
    world.at(61).restart();
    let once_more = world.one_off_with(ada(), &[render("1")], Some(key("k", 1)));
    assert_eq!(first, once_more);
    assert_eq!(world.used("L1"), "7");
}

#[test]
fn another_request_under_the_same_key_is_refused() {
    let mut world = studio().line("L1", "100");
    world.one_off_with(ada(), &[render("1")], Some(key("k", 1))).expect("a charge");
    let other = world.one_off_with(ada(), &[render("2")], Some(key("k", 2)));
    assert_eq!(other, Err(Refusal::IdempotencyKeyReused));
    assert_eq!(world.used("L1"), "7");
}

#[test]
fn a_refused_item_is_kept_under_its_key_as_well() {
    let mut world = studio().line("L1", "1");
    let first = world.one_off_with(ada(), &[render("1")], Some(key("k", 1)));
    world.change_line("L1", |_| terms("L1", "100"));
    let again = world.one_off_with(ada(), &[render("1")], Some(key("k", 1)));
    assert_eq!(first, again);
    assert_eq!(world.used("L1"), "0");
}

#[test]
fn a_key_is_free_again_after_a_day_and_kept_a_day_from_then() {
    let mut world = studio().line("L1", "100");
    let ask = |at_minute, world: &mut World| {
        world.at(at_minute).one_off_with(ada(), &[render("1")], Some(key("k", 1))).expect("taken")
    };
    let first = ask(0, &mut world);
    assert_eq!(ask(DAY, &mut world), first);
    let second = ask(DAY + 1, &mut world);
    assert_ne!(second, first);
    // The journal tells the same story: the answer that counts is the second one.
    world.instance = folded(&world.journal);
    assert_eq!(ask(DAY + 2, &mut world), second);
    world.instance =
        licet_core::Instance::from_snapshot(&world.instance.to_snapshot()).expect("a snapshot");
    assert_eq!(ask(2 * DAY, &mut world), second);
    assert_eq!(world.used("L1"), "14");
}
