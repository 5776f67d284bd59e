//! Sessions: charged up front for a period, again and again while their client is alive.
//!
//! `Render` costs 60 tokens here, so that in a period of an hour a token is a minute.

mod support;

use licet_core::{
    Command, EndReason, ItemCode, LineItemState, Phase, Query, Record, Refusal, Reply, Session,
    SessionId, SessionResult, SessionState,
};
use support::{
    DAY, HOUR, Rule, Terms, World, ada, codes, from, item, key, minute, paid_by, refunded_to,
    render, request, terms, tokens,
};

fn studio() -> World {
    World::new().rate("Render", "2.0", "60").rate("Fold", "", "70").rate("Denoise", "", "6")
}

fn ended(id: SessionId, reason: EndReason) -> Refusal {
    Refusal::SessionEnded { id, reason }
}

fn reason(session: &Session) -> Option<EndReason> {
    match session.phase {
        Phase::Ended { reason, .. } => Some(reason),
        Phase::Idle { .. } | Phase::Active(_) => None,
    }
}

fn paid_until(session: &Session) -> i64 {
    match &session.phase {
        Phase::Active(paid) => paid.until_ms,
        other => panic!("not active: {other:?}"),
    }
}

// ---- the timeline

#[test]
fn a_session_pays_each_period_up_front_and_gets_back_what_it_did_not_use() {
    let mut world = studio().line("L1", "1000");
    let id = world.open();
    assert_eq!((world.state(id), world.used("L1")), (SessionState::Idle, "0".to_owned()));
    assert!(world.put(id, &[render("1")]).is_granted());
    assert_eq!((world.state(id), world.used("L1")), (SessionState::Active, "60".to_owned()));

    assert_eq!(world.instance.wakes_at_ms(), Some(minute(60)));
    assert_eq!(world.at_ms(minute(60) - 1).tick().used("L1"), "60");
    assert_eq!(world.at(60).tick().used("L1"), "120");
    assert_eq!(world.at(75).heartbeat(id), Ok(Reply::Done));
    assert_eq!(world.at(120).tick().used("L1"), "180");

    let refund = world.at(140).close(id).expect("a refund");
    assert_eq!(refunded_to(&refund), "L1 40");
    assert_eq!(refund.lines[0].used_after, tokens("140"));
    assert_eq!((world.state(id), world.used("L1")), (SessionState::Terminated, "140".to_owned()));
    assert_eq!(world.instance.wakes_at_ms(), None);
}

#[test]
fn a_refund_is_the_part_of_the_charge_to_the_millisecond() {
    // Two thirds of 7.
    let mut world = World::new().rate("Render", "2.0", "7").line("L1", "1000");
    let id = world.open_with(&[render("1")]);
    let refund = world.at(20).close(id).expect("a refund");
    assert_eq!(refunded_to(&refund), "L1 4.666667");

    // One millisecond of 3.6 million.
    let mut world = World::new().rate("Render", "2.0", "3600").line("L1", "3600");
    let id = world.open_with(&[render("1")]);
    let refund = world.at_ms(minute(60) - 1).close(id).expect("a refund");
    assert_eq!(refunded_to(&refund), "L1 0.001");
}

#[test]
fn a_session_closed_at_once_gets_everything_back() {
    let mut world = studio().line("L1", "60");
    let id = world.open_with(&[render("1")]);
    world.close(id);
    assert_eq!(world.used("L1"), "0");
    // Also just when it was charged again.
    let id = world.open_with(&[render("1")]);
    world.change_line("L1", |_| terms("L1", "120"));
    world.at(60).close(id);
    assert_eq!(world.used("L1"), "60");
}

#[test]
fn every_charge_and_refund_has_a_correlation_id_of_its_own() {
    let mut world = studio().line("L1", "1000");
    let id = world.open_with(&[render("1")]);
    world.at(30).put(id, &[render("1")]);
    world.at(90).tick();
    world.at(100).close(id);
    let mut ids = Vec::new();
    for record in &world.journal {
        match record {
            Record::SessionAccess { access, .. } => {
                ids.push(access.outcome.correlation_id);
                ids.extend(access.refund.iter().map(|refund| refund.correlation_id));
            }
            Record::SessionEnded { refund, .. } => {
                ids.extend(refund.iter().map(|refund| refund.correlation_id));
            }
            _ => {}
        }
    }
    assert_eq!(ids.len(), 5);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[test]
fn a_refund_goes_back_to_the_line_items_in_the_amounts_they_paid() {
    let mut world =
        studio().line_with(terms("L1", "12").ending(30)).line_with(terms("L2", "100").ending(DAY));
    let id = world.open();
    let access = world.put(id, &[render("1"), item("Denoise", "", "2")]);
    assert_eq!(paid_by(&access.outcome.items[0]), "L1 12, L2 48");
    assert_eq!(paid_by(&access.outcome.items[1]), "L2 12");
    // L1 has ended meanwhile.
    let refund = world.at(45).close(id).expect("a refund");
    assert_eq!(refunded_to(&refund), "L1 3, L2 12, L2 3");
    assert_eq!((world.used("L1"), world.used("L2")), ("9".to_owned(), "45".to_owned()));
}

#[test]
fn an_automatic_charge_takes_the_line_items_that_are_usable_then() {
    let mut world = studio()
        .line_with(terms("L1", "1000").ending(59))
        .line_with(terms("L2", "1000").ending(DAY));
    world.open_with(&[render("1")]);
    world.at(60).tick();
    assert_eq!((world.used("L1"), world.used("L2")), ("60".to_owned(), "60".to_owned()));
}

// ---- heartbeats

#[test]
fn a_heartbeat_counts_until_half_a_period_after_the_automatic_charge() {
    let mut world = studio().line("L1", "1000");
    let id = world.open_with(&[render("1")]);
    world.at(60).tick();
    assert_eq!(world.at_ms(minute(90)).heartbeat(id), Ok(Reply::Done));
    assert_eq!(world.at_ms(minute(90) + 1).tick().state(id), SessionState::Active);
    assert_eq!(world.at(120).tick().used("L1"), "180");
}

#[test]
fn a_missed_heartbeat_refunds_the_whole_last_charge_and_ends_the_session() {
    let mut world = studio().line("L1", "1000");
    let id = world.open_with(&[render("1")]);
    world.at(60).tick();
    assert_eq!(world.instance.wakes_at_ms(), Some(minute(90) + 1));
    let late = world.at_ms(minute(90) + 1).heartbeat(id);
    assert_eq!(late, Err(ended(id, EndReason::HeartbeatMissed)));
    assert_eq!(refunded_to(&world.last_refund().expect("a refund")), "L1 60");
    assert_eq!(world.used("L1"), "60");
    let put = world.put_as(id, ada(), &[render("1")], true);
    assert_eq!(put, Err(ended(id, EndReason::HeartbeatMissed)));
    let close = world.execute(Command::CloseSession { session_id: id });
    assert_eq!(close, Ok(Reply::Done), "the client closes what it was told is over");
    assert_eq!(world.used("L1"), "60");
}

#[test]
fn a_missed_heartbeat_that_is_noticed_late_charges_no_further_period() {
    let mut world = studio().line("L1", "1000");
    let id = world.open_with(&[render("1")]);
    world.at(60).tick();
    world.at(10 * HOUR).tick();
    assert_eq!(reason(&world.session(id)), Some(EndReason::HeartbeatMissed));
    assert_eq!(world.used("L1"), "60");
}

#[test]
fn the_first_charge_needs_no_heartbeat_and_an_early_one_proves_nothing() {
    let mut world = studio().line("L1", "1000");
    let id = world.open_with(&[render("1")]);
    assert_eq!(world.at_ms(minute(60) - 1).heartbeat(id), Ok(Reply::Done));
    assert_eq!(world.session(id).last_heartbeat_at_ms, Some(minute(60) - 1));
    world.at_ms(minute(90) + 1).tick();
    assert_eq!(reason(&world.session(id)), Some(EndReason::HeartbeatMissed));
}

#[test]
fn only_the_heartbeat_that_is_awaited_is_recorded() {
    let mut world = studio().line("L1", "1000");
    let id = world.open_with(&[render("1")]);
    world.at(10).heartbeat(id).expect("alive");
    world.at(60).tick();
    for at_minute in 61..=90 {
        world.at(at_minute).heartbeat(id).expect("alive");
    }
    let seen = world.journal.iter().filter(|record| matches!(record, Record::HeartbeatSeen { .. }));
    assert_eq!(seen.count(), 1);
    assert_eq!(world.session(id).last_heartbeat_at_ms, Some(minute(90)));
}

#[test]
fn a_heartbeat_of_an_idle_session_is_welcome_and_of_an_unknown_one_is_not() {
    let mut world = studio();
    let id = world.open();
    assert_eq!(world.heartbeat(id), Ok(Reply::Done));
    let unknown = SessionId::default();
    assert_eq!(world.heartbeat(unknown), Err(Refusal::SessionNotFound(unknown)));
}

#[test]
fn an_access_request_starts_a_new_timeline_without_a_heartbeat_due() {
    let mut world = studio().line("L1", "1000");
    let id = world.open_with(&[render("1")]);
    world.at(60).tick();
    let access = world.at(75).put(id, &[render("1")]);
    assert_eq!(refunded_to(access.refund.as_ref().expect("a refund")), "L1 45");
    assert_eq!(world.at(134).tick().used("L1"), "135");
    assert_eq!(world.at(135).tick().used("L1"), "195");
    world.at_ms(minute(165) + 1).tick();
    assert_eq!(reason(&world.session(id)), Some(EndReason::HeartbeatMissed));
    assert_eq!(world.used("L1"), "135");
}

// ---- all or nothing

#[test]
fn a_session_gets_all_items_or_none() {
    let mut world = studio().line("L1", "100");
    let id = world.open();
    let access = world.put(id, &[render("1"), item("Unknown", "", "1"), item("Fold", "", "1")]);
    let expected = [ItemCode::NoStatus, ItemCode::NotPriced, ItemCode::Insufficient];
    assert_eq!(codes(&access.outcome), expected);
    assert!(access.outcome.items.iter().all(|item| item.tokens() == tokens("0")));
    assert!(access.outcome.items.iter().all(|item| item.granted.micros() == 0));
    assert_eq!((world.used("L1"), world.state(id)), ("0".to_owned(), SessionState::Idle));
}

#[test]
fn a_preview_of_a_session_changes_nothing() {
    let mut world = studio().line("L1", "100");
    let id = world.open_with(&[render("1")]);
    let (before, session) = (world.journal.len(), world.session(id));
    for (wanted, is_granted) in [("Fold", true), ("Unknown", false)] {
        let request = request(ada(), &[item(wanted, "", "1")]);
        let command = Command::PreviewSession { session_id: id, request, rollback_on_deny: false };
        let Ok(Reply::SessionAccess(access)) = world.execute(command) else { panic!("an answer") };
        assert_eq!(access.is_granted(), is_granted);
    }
    assert_eq!((world.journal.len(), world.session(id)), (before, session));
}

// ---- another set of items in the middle of a period

#[test]
fn a_change_in_the_middle_of_a_period_needs_tokens_for_the_net_only() {
    let mut world = studio().line("L1", "100");
    let id = world.open_with(&[render("1")]);
    // 40 are left; half an hour of Render gives 30 back; Fold costs 70.
    let access = world.at(30).put(id, &[item("Fold", "", "1")]);
    assert!(access.is_granted());
    assert_eq!(refunded_to(access.refund.as_ref().expect("a refund")), "L1 30");
    assert_eq!(paid_by(&access.outcome.items[0]), "L1 70");
    assert_eq!(access.outcome.items[0].charges[0].used_after, tokens("100"));
    assert_eq!(world.used("L1"), "100");
    // A new timeline from here; the charge due at 60 is off.
    assert_eq!(paid_until(&world.session(id)), minute(90));
    assert_eq!(&*world.session(id).items, [item("Fold", "", "1")]);
}

#[test]
fn a_change_that_takes_what_the_full_line_item_gets_back_keeps_the_order() {
    let mut world = studio()
        .line_with(terms("L1", "60").ending(DAY))
        .line_with(terms("L2", "60").ending(2 * DAY));
    let id = world.open_with(&[render("1")]);
    assert_eq!(world.used("L1"), "60");
    let access = world.at(30).put(id, &[item("Denoise", "", "10")]);
    assert_eq!(paid_by(&access.outcome.items[0]), "L1 30, L2 30");
}

#[test]
fn a_denied_change_with_rollback_keeps_items_and_timing() {
    let mut world = studio().line("L1", "100");
    let id = world.open_with(&[render("1")]);
    let before = world.session(id);
    // One millisecond later than the change that could just be paid.
    let access = world.at_ms(minute(30) + 1).put(id, &[item("Fold", "", "1")]);
    assert_eq!(access.result, SessionResult::Kept);
    assert_eq!((&access.refund, access.is_granted()), (&None, false));
    assert_eq!(codes(&access.outcome), [ItemCode::Insufficient]);
    let after = world.session(id);
    assert_eq!((after.phase, after.items), (before.phase, before.items));
    assert_eq!((world.state(id), world.used("L1")), (SessionState::Active, "60".to_owned()));
}

#[test]
fn a_denied_change_with_rollback_still_awaits_the_heartbeat() {
    let mut world = studio().line("L1", "120");
    let id = world.open_with(&[render("1")]);
    world.at(60).tick();
    assert!(!world.at(61).put(id, &[render("3")]).is_granted());
    world.at_ms(minute(90) + 1).tick();
    assert_eq!(reason(&world.session(id)), Some(EndReason::HeartbeatMissed));
}

#[test]
fn a_denied_change_without_rollback_gives_the_rest_back_and_ends_the_session() {
    let mut world = studio().line("L1", "100");
    let id = world.open_with(&[render("1")]);
    let access = world.at(40).put_or_end(id, &[item("Fold", "", "1"), render("1")]);
    assert_eq!(access.result, SessionResult::Ended(EndReason::Denied));
    assert_eq!(codes(&access.outcome), [ItemCode::Insufficient, ItemCode::NoStatus]);
    assert_eq!(refunded_to(access.refund.as_ref().expect("a refund")), "L1 20");
    assert_eq!((world.state(id), world.used("L1")), (SessionState::Terminated, "40".to_owned()));
    let later = world.put_as(id, ada(), &[render("1")], true);
    assert_eq!(later, Err(ended(id, EndReason::Denied)));
}

#[test]
fn rules_deny_a_session_too() {
    let mut world = studio().line("L1", "100").rules("L1", &[Rule::AllowAll("Engineering")]);
    let id = world.open();
    let denied = world.put_as(id, from("Sales"), &[render("1")], true).expect("an answer");
    assert_eq!(codes(&denied.outcome), [ItemCode::DeniedByRules]);
    assert!(
        world
            .put_as(id, from("Engineering"), &[render("1")], true)
            .expect("an answer")
            .is_granted()
    );
    // The automatic charge is decided for whoever asked last with success.
    world.change_line("L1", |_| terms("L1", "1000"));
    assert!(
        !world.put_as(id, from("Sales"), &[render("1")], true).expect("an answer").is_granted()
    );
    assert_eq!(world.at(60).tick().used("L1"), "120");
}

#[test]
fn a_denied_request_of_an_idle_session_keeps_or_ends_it() {
    let mut world = studio().line("L1", "10");
    let id = world.open();
    assert_eq!(world.put(id, &[render("1")]).result, SessionResult::Kept);
    assert_eq!(world.state(id), SessionState::Idle);
    let access = world.put_or_end(id, &[render("1")]);
    assert_eq!(access.result, SessionResult::Ended(EndReason::Denied));
    assert_eq!((access.refund.clone(), world.state(id)), (None, SessionState::Terminated));
}

#[test]
fn a_session_without_items_is_idle_and_gets_its_rest_back() {
    let mut world = studio().line("L1", "100");
    let id = world.open_with(&[render("1")]);
    let access = world.at(45).put(id, &[]);
    assert_eq!((&access.result, access.is_granted()), (&SessionResult::Idle, true));
    assert_eq!(refunded_to(access.refund.as_ref().expect("a refund")), "L1 15");
    assert_eq!((world.state(id), world.used("L1")), (SessionState::Idle, "45".to_owned()));
    // Nothing is charged, and it may go on.
    assert_eq!(world.at(5 * HOUR).tick().used("L1"), "45");
    world.change_line("L1", |_| terms("L1", "1000"));
    assert!(world.put(id, &[render("1")]).is_granted());
}

// ---- automatic charges

#[test]
fn an_automatic_charge_that_cannot_be_paid_ends_the_session_without_a_refund() {
    let mut world = studio().line("L1", "100");
    let id = world.open_with(&[item("Denoise", "", "1"), render("1")]);
    world.at(60).tick();
    assert_eq!(reason(&world.session(id)), Some(EndReason::TokensExhausted));
    let (access, is_automatic) = world.session_accesses().last().expect("an automatic charge");
    assert!(is_automatic && access.refund.is_none() && !access.is_granted());
    assert_eq!(codes(&access.outcome), [ItemCode::NoStatus, ItemCode::Insufficient]);
    assert_eq!(world.used("L1"), "66");
    assert_eq!(world.heartbeat(id), Err(ended(id, EndReason::TokensExhausted)));
    let put = world.put_as(id, ada(), &[item("Denoise", "", "1")], true);
    assert_eq!(put, Err(ended(id, EndReason::TokensExhausted)));
}

#[test]
fn an_automatic_charge_uses_the_rate_table_in_effect_then() {
    let mut world = studio().table_from(60, "", ("Render", "2.0", "30")).line("L1", "1000");
    let id = world.open_with(&[render("1")]);
    assert_eq!(world.at(60).tick().used("L1"), "90");
    // Looked at late, the charge is still that of its moment.
    world.heartbeat(id).expect("alive");
    let mut late = studio().table_from(61, "", ("Render", "2.0", "30")).line("L1", "1000");
    late.open_with(&[render("1")]);
    assert_eq!(late.at(80).tick().used("L1"), "120");
    let (access, _) = late.session_accesses().last().expect("an automatic charge");
    assert_eq!(access.outcome.at_ms, minute(60));
}

#[test]
fn a_change_of_the_charge_period_affects_the_next_charge() {
    let mut world = studio().line("L1", "1000");
    let id = world.open_with(&[render("1")]);
    world.at(10).charge_period(20);
    assert_eq!(world.tick().used("L1"), "60");
    assert_eq!(paid_until(&world.session(id)), minute(60));
    // The running period is refunded as what it was, an hour.
    assert_eq!(world.at(60).tick().used("L1"), "120");
    assert_eq!(paid_until(&world.session(id)), minute(80));
    // The window is half the new period.
    assert_eq!(world.at(70).heartbeat(id), Ok(Reply::Done));
    assert_eq!(world.at(80).tick().used("L1"), "180");
    assert_eq!(refunded_to(&world.at(85).close(id).expect("a refund")), "L1 45");
}

#[test]
fn a_running_period_is_refunded_by_the_length_that_was_paid() {
    let mut world = studio().line("L1", "1000");
    let id = world.open_with(&[render("1")]);
    world.charge_period(10);
    assert_eq!(refunded_to(&world.at(30).close(id).expect("a refund")), "L1 30");
}

#[test]
fn sessions_are_charged_in_the_order_in_which_they_fall_due() {
    let mut world = studio().line("L1", "180");
    let first = world.at(0).open_with(&[render("1")]);
    let second = world.at(1).open_with(&[render("1")]);
    world.at(61).tick();
    assert_eq!(world.state(first), SessionState::Active);
    assert_eq!(reason(&world.session(second)), Some(EndReason::TokensExhausted));
}

#[test]
fn a_session_is_up_to_date_before_its_own_command_however_many_are_due() {
    let mut world = studio().line("L1", "100000");
    let ids: Vec<SessionId> = (0..200).map(|_| world.open_with(&[render("1")])).collect();
    assert_eq!(world.used("L1"), "12000");
    // Of all that is due a command waits for a part only, but for its own session whole.
    world.at(60).ask(item("Denoise", "", "1"));
    let charged = |world: &World, id: &SessionId| paid_until(&world.session(*id)) == minute(120);
    let early = ids.iter().filter(|id| charged(&world, id)).count();
    assert!((1..200).contains(&early), "{early}");
    let last = ids.iter().rev().find(|id| !charged(&world, id)).expect("one that waits");
    assert_eq!(refunded_to(&world.close(*last).expect("a refund")), "L1 60");
    // Ticks do the rest, at the moment when it was due.
    world.at(61).tick();
    assert_eq!(world.used("L1"), "23946");
    let (access, _) = world.session_accesses().last().expect("an automatic charge");
    assert_eq!(access.outcome.at_ms, minute(60));
    assert_eq!(world.instance.wakes_at_ms(), Some(minute(90) + 1));
}

#[test]
fn a_command_waits_for_as_many_events_as_it_is_told() {
    let mut world = studio().line("L1", "100000");
    for _ in 0..20 {
        world.open_with(&[render("1")]);
    }
    let before = world.session_accesses().count();
    world.events_max = 3;
    world.at(60).ask(item("Denoise", "", "1"));
    assert_eq!(world.session_accesses().count() - before, 3);
    world.ask(item("Denoise", "", "1"));
    assert_eq!(world.session_accesses().count() - before, 6);
}

// ---- the end of a session

#[test]
fn closing_twice_is_no_error_and_gives_nothing_twice() {
    let mut world = studio().line("L1", "100");
    let id = world.open_with(&[render("1")]);
    world.at(30).close(id);
    world.at(40).close(id);
    assert_eq!(world.used("L1"), "30");
    let put = world.put_as(id, ada(), &[], true);
    assert_eq!(put, Err(ended(id, EndReason::Closed)));
}

#[test]
fn an_idle_session_ends_after_a_day_without_a_request() {
    let mut world = studio().line("L1", "10");
    let id = world.open();
    assert_eq!(world.at_ms(minute(DAY) - 1).tick().state(id), SessionState::Idle);
    world.at_ms(minute(DAY)).tick();
    assert_eq!(reason(&world.session(id)), Some(EndReason::Idle));
}

#[test]
fn any_request_keeps_an_idle_session_for_another_day() {
    let mut world = studio().line("L1", "10");
    let id = world.open();
    // Denied, but a request all the same.
    assert_eq!(world.at(23 * HOUR).put(id, &[render("1")]).result, SessionResult::Kept);
    assert_eq!(world.at(25 * HOUR).tick().state(id), SessionState::Idle);
    assert_eq!(world.put(id, &[]).result, SessionResult::Idle);
    assert_eq!(world.at_ms(minute(49 * HOUR) - 1).tick().state(id), SessionState::Idle);
    assert_eq!(world.at(49 * HOUR).tick().state(id), SessionState::Terminated);
}

#[test]
fn a_session_that_is_over_can_be_asked_for_during_a_day() {
    let mut world = studio().line("L1", "100");
    let id = world.open_with(&[render("1")]);
    world.close(id);
    let query = || Command::Query(Query::Session(id));
    let Ok(Reply::Session(session)) = world.at(DAY).execute(query()) else { panic!("a session") };
    assert_eq!(reason(&session), Some(EndReason::Closed));
    let later = world.at(DAY + 1).execute(query());
    assert_eq!(later, Err(Refusal::SessionNotFound(id)));
}

#[test]
fn live_sessions_are_listed_newest_first() {
    let mut world = studio().line("L1", "100");
    let [first, second, third, over] = [(); 4].map(|()| world.open());
    world.close(over);
    let mut listed = |limit| match world.execute(Command::Query(Query::Sessions { limit })) {
        Ok(Reply::Sessions(sessions)) => sessions.into_iter().map(|(id, _)| id).collect(),
        other => panic!("not sessions: {other:?}"),
    };
    let all: Vec<SessionId> = listed(100);
    assert_eq!(all, [third, second, first]);
    assert_eq!(listed(2), [third, second]);
    assert_eq!(world.instance.live_sessions(), 3);
}

// ---- outages of the service

#[test]
fn a_heartbeat_that_fell_due_in_an_outage_gets_a_full_window_from_its_end() {
    for (late_ms, is_alive) in [(0, true), (1, false)] {
        let mut world = studio().line("L1", "1000");
        let id = world.open_with(&[render("1")]);
        world.at(60).tick();
        world.at(85).restart();
        assert_eq!(world.at(100).tick().state(id), SessionState::Active);
        let heartbeat = world.at_ms(minute(115) + late_ms).heartbeat(id);
        assert_eq!(heartbeat.is_ok(), is_alive);
        assert_eq!(world.used("L1"), if is_alive { "120" } else { "60" });
    }
}

#[test]
fn a_charge_in_the_grace_leaves_the_one_before_unproven() {
    let mut world = studio().line("L1", "1000");
    let id = world.open_with(&[render("1")]);
    world.at(60).tick();
    world.at(100).restart();
    // The window is open until 130, and 120 comes before it.
    assert_eq!(world.at(120).tick().used("L1"), "180");
    world.at_ms(minute(130) + 1).tick();
    assert_eq!(reason(&world.session(id)), Some(EndReason::HeartbeatMissed));
    assert_eq!(refunded_to(&world.last_refund().expect("a refund")), "L1 60, L1 60");
    assert_eq!(world.used("L1"), "60");
}

#[test]
fn a_long_outage_is_charged_if_the_client_lives_and_refunded_if_it_does_not() {
    for is_alive in [true, false] {
        let mut world = studio().line("L1", "1000");
        let id = world.open_with(&[render("1")]);
        world.at(60).tick();
        world.at(300).restart().tick();
        // 0, 60, 120, 180, 240 and 300.
        assert_eq!(world.used("L1"), "360");
        if is_alive {
            assert_eq!(world.at(330).heartbeat(id), Ok(Reply::Done));
            assert_eq!(world.at_ms(minute(330) + 1).tick().state(id), SessionState::Active);
            assert_eq!(world.at(360).tick().used("L1"), "420");
            // The window is that of the new charge again.
            world.at_ms(minute(390) + 1).tick();
            assert_eq!(refunded_to(&world.last_refund().expect("a refund")), "L1 60");
        } else {
            world.at_ms(minute(330) + 1).tick();
            assert_eq!(reason(&world.session(id)), Some(EndReason::HeartbeatMissed));
            assert_eq!(world.used("L1"), "60");
        }
    }
}

#[test]
fn what_an_outage_put_off_keeps_its_place_among_the_others() {
    let mut world = studio().line("L1", "240");
    let first = world.open_with(&[render("1")]);
    let second = world.at(59).open_with(&[render("1")]);
    world.at(60).tick();
    // The heartbeat of the first was due at 90. With its window open again, its next event is
    // the charge at 120, after that of the second at 119, and there is enough for one.
    world.at(121).restart().tick();
    assert_eq!(world.state(second), SessionState::Active);
    assert_eq!(reason(&world.session(first)), Some(EndReason::TokensExhausted));
}

#[test]
fn tokens_that_run_out_in_an_outage_are_not_charged_to_who_could_not_answer() {
    let mut world = studio().line("L1", "180");
    let id = world.open_with(&[render("1")]);
    world.at(60).tick();
    world.at(300).restart().tick();
    assert_eq!(reason(&world.session(id)), Some(EndReason::TokensExhausted));
    // 60 and 120 were charged and never proved; the first hour was used.
    assert_eq!(world.used("L1"), "60");
}

#[test]
fn a_restart_alone_changes_nothing() {
    let mut world = studio().line("L1", "1000");
    let id = world.open_with(&[render("1")]);
    world.at(30).restart();
    assert_eq!(world.at(60).tick().used("L1"), "120");
    world.at_ms(minute(90) + 1).tick();
    assert_eq!(reason(&world.session(id)), Some(EndReason::HeartbeatMissed));
}

// ---- refunds to line items that are no more what they were

#[test]
fn a_line_item_out_of_use_takes_refunds() {
    for state in [LineItemState::Inactive, LineItemState::Obsolete] {
        let mut world = studio().line("L1", "1000");
        let id = world.open_with(&[render("1")]);
        world.change_line("L1", |line| line.in_state(state));
        world.at(30).close(id);
        assert_eq!(world.used("L1"), "30");
    }
}

#[test]
fn what_an_inactive_line_item_gets_back_is_not_spent_on_the_new_set() {
    let mut world = studio().line("L1", "60");
    let id = world.open_with(&[render("1")]);
    world.change_line("L1", |line| line.in_state(LineItemState::Inactive));
    let access = world.at(30).put(id, &[item("Denoise", "", "1")]);
    assert_eq!(codes(&access.outcome), [ItemCode::NoLineItem]);
    assert_eq!(world.used("L1"), "60");
}

#[test]
fn a_refund_to_a_deleted_line_item_is_stranded() {
    let mut world = studio().line("L1", "1000");
    let id = world.open_with(&[render("1")]);
    world.change_line("L1", |line| line.in_state(LineItemState::Obsolete));
    world.delete_line("L1").expect("deleted");
    // One of the same name has nothing to do with it.
    world.put_line(terms("L1", "1000")).expect("put");
    world.ask(render("1"));
    let refund = world.at(30).close(id).expect("a refund");
    assert_eq!(refunded_to(&refund), "L1 30");
    assert_eq!(world.used("L1"), "60");
}

#[test]
fn a_refund_gives_back_to_the_allocation() {
    let mut world = studio().line("L1", "1000").rules("L1", &[Rule::Allow("Engineering", "60")]);
    let id = world.open();
    let access = world.put_as(id, from("Engineering"), &[render("1")], true).expect("an answer");
    assert!(access.is_granted());
    let denied = world.ask_from("Engineering", item("Denoise", "", "1"));
    assert_eq!(denied.code, ItemCode::DeniedByRules);
    // Half of it comes back, which just pays for five.
    world.at(30).close(id);
    assert_eq!(world.used_by_action("L1"), [("Engineering".to_owned(), "30".to_owned())]);
    assert_eq!(world.ask_from("Engineering", item("Denoise", "", "5")).code, ItemCode::Charged);
}

#[test]
fn a_change_of_items_spends_what_the_allocation_gets_back() {
    let mut world = studio().line("L1", "1000").rules("L1", &[Rule::Allow("Engineering", "60")]);
    let id = world.open();
    let mut put = |at_minute, wanted: &str| {
        let items = [item("Denoise", "", wanted)];
        world.at(at_minute).put_as(id, from("Engineering"), &items, true).expect("an answer")
    };
    assert!(put(0, "10").is_granted());
    assert_eq!(codes(&put(30, "6").outcome), [ItemCode::DeniedByRules]);
    assert!(put(30, "5").is_granted());
}

// ---- idempotency keys

#[test]
fn a_session_is_opened_once_under_a_key() {
    let mut world = studio();
    let mut open = |digest| world.execute(Command::OpenSession { key: Some(key("k", digest)) });
    let first = open(1);
    assert_eq!(open(1), first);
    assert_eq!(open(2), Err(Refusal::IdempotencyKeyReused));
    assert_eq!(world.instance.live_sessions(), 1);
}

#[test]
fn an_access_request_of_a_session_is_charged_once_under_a_key() {
    let mut world = studio().line("L1", "1000");
    let id = world.open();
    let put = |world: &mut World, digest| {
        world.execute(Command::AccessSession {
            session_id: id,
            request: request(ada(), &[render("1")]),
            rollback_on_deny: true,
            key: Some(key("k", digest)),
        })
    };
    let first = put(&mut world, 1);
    assert_eq!(put(world.at(10), 1), first);
    assert_eq!(paid_until(&world.session(id)), minute(60));
    assert_eq!(put(&mut world, 2), Err(Refusal::IdempotencyKeyReused));
    // The answer stands when the session is over, too.
    world.at(30).close(id);
    assert_eq!(put(&mut world, 1), first);
    assert_eq!(world.used("L1"), "30");
}
