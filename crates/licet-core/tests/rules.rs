//! Conditions of an instance and the actions of its line items.

mod support;

use licet_core::{
    Action, ConditionDraft, ConditionId, Effect, Expression, ItemCode, Membership, Refusal, Reply,
};
use support::{
    Rule, World, ada, codes, from, is_of, keep, new_action, render, tokens, unknown_action,
    unknown_condition,
};

const DENY: Effect = Effect::Deny;
const ALLOW: Effect = Effect::Allow { allocation: None };

fn allow(allocation: &str) -> Effect {
    Effect::Allow { allocation: Some(tokens(allocation)) }
}

fn studio() -> World {
    World::new().rate("Render", "2.0", "1").line("L1", "200").line("L2", "200")
}

fn actions(world: &World) -> Vec<Action> {
    world.line_item("L1").actions
}

fn draft(id: Option<ConditionId>, expression: Expression) -> ConditionDraft {
    ConditionDraft { id, name: "condition".into(), expression }
}

/// `levels` deep, with one simple test at the bottom.
fn nested(levels: usize) -> Expression {
    (1..levels).fold(is_of("Sales"), |inner, _| {
        Expression::All(vec![Expression::Named("inner".into(), Box::new(inner))])
    })
}

// ---- conditions

#[test]
fn conditions_are_created_changed_and_deleted() {
    let mut world = studio();
    let created = world.conditions(vec![draft(None, is_of("Sales")), draft(None, is_of("Tax"))]);
    let created = created.expect("two conditions");
    assert_ne!(created[0].id, created[1].id);
    let changed = world.conditions(vec![draft(Some(created[0].id), is_of("Marketing"))]);
    assert_eq!(changed.expect("one condition")[0].id, created[0].id);
    let listed = world.execute(licet_core::Command::Query(licet_core::Query::Conditions));
    let Ok(Reply::Conditions(mut listed)) = listed else { panic!("conditions") };
    listed.sort_by_key(|condition| condition.id);
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].expression, is_of("Marketing"));
    assert_eq!(world.delete_conditions(Some(created[0].id)), Ok(Reply::Done));
    let gone = created[0].id;
    assert_eq!(world.delete_conditions(Some(gone)), Err(Refusal::ConditionNotFound(gone)));
    assert_eq!(world.delete_conditions(None), Ok(Reply::Done));
    assert_eq!(world.delete_conditions(None), Ok(Reply::Done));
}

#[test]
fn a_condition_that_is_not_there_cannot_be_changed() {
    let mut world = studio();
    let id = unknown_condition();
    let before = world.journal.len();
    let drafts = vec![draft(None, is_of("Sales")), draft(Some(id), is_of("Sales"))];
    assert_eq!(world.conditions(drafts), Err(Refusal::ConditionNotFound(id)));
    assert_eq!(world.journal.len(), before);
}

#[test]
fn a_condition_put_as_it_stands_is_no_change() {
    let mut world = studio();
    let condition = world.condition(is_of("Sales"));
    let before = world.journal.len();
    let again = world.conditions(vec![draft(Some(condition.id), is_of("Sales"))]);
    assert_eq!(again, Ok(vec![condition]));
    assert_eq!(world.journal.len(), before);
}

#[test]
fn a_condition_in_use_cannot_be_deleted() {
    let mut world = studio();
    let by_action = world.condition(is_of("Sales"));
    let by_condition = world.condition(is_of("Tax"));
    let user = world.condition(Expression::Any(vec![Expression::Reference(by_condition.id)]));
    let actions = vec![new_action("Sales", Some(by_action.id), DENY)];
    world.put_actions("L1", actions).expect("an action");
    for id in [by_action.id, by_condition.id] {
        assert_eq!(world.delete_conditions(Some(id)), Err(Refusal::ConditionInUse(id)));
    }
    let all = world.delete_conditions(None);
    assert_eq!(all, Err(Refusal::ConditionInUse(by_action.id)));
    assert_eq!(world.delete_conditions(Some(user.id)), Ok(Reply::Done));
    assert_eq!(world.delete_conditions(Some(by_condition.id)), Ok(Reply::Done));
    world.put_actions("L1", Vec::new()).expect("no action");
    assert_eq!(world.delete_conditions(Some(by_action.id)), Ok(Reply::Done));
}

#[test]
fn conditions_that_only_use_each_other_go_together() {
    let mut world = studio();
    let used = world.condition(is_of("Sales"));
    world.condition(Expression::All(vec![Expression::Reference(used.id)]));
    assert_eq!(world.delete_conditions(None), Ok(Reply::Done));
}

#[test]
fn only_simple_conditions_can_be_used_by_their_id() {
    let mut world = studio();
    let simple = world.condition(is_of("Sales"));
    let complex = world.condition(Expression::All(vec![Expression::Reference(simple.id)]));
    let on_complex = Expression::Any(vec![Expression::Reference(complex.id)]);
    let refused = world.conditions(vec![draft(None, on_complex)]);
    assert_eq!(refused, Err(Refusal::ReferenceNotSimple(complex.id)));
    // Nor can one that is used become complex, or use itself.
    let turned = draft(Some(simple.id), Expression::All(vec![is_of("Sales")]));
    assert_eq!(world.conditions(vec![turned]), Err(Refusal::ReferenceNotSimple(simple.id)));
    let itself = draft(Some(complex.id), Expression::All(vec![Expression::Reference(complex.id)]));
    assert_eq!(world.conditions(vec![itself]), Err(Refusal::ReferenceNotSimple(complex.id)));
    let unknown = Expression::All(vec![Expression::Reference(unknown_condition())]);
    let refused = world.conditions(vec![draft(None, unknown)]);
    assert_eq!(refused, Err(Refusal::ConditionNotFound(unknown_condition())));
}

#[test]
fn conditions_nest_eight_deep_and_are_evaluated_to_the_bottom() {
    let mut world = studio();
    let refused = world.conditions(vec![draft(None, nested(9))]);
    assert_eq!(refused, Err(Refusal::TooDeep));
    let deepest = world.condition(nested(8));
    world.put_actions("L1", vec![new_action("deep", Some(deepest.id), ALLOW)]).expect("an action");
    world.put_actions("L2", vec![new_action("nobody", None, DENY)]).expect("an action");
    assert_eq!(world.ask_from("Sales", render("1")).code, ItemCode::Charged);
    assert_eq!(world.ask_from("Tax", render("1")).code, ItemCode::DeniedByRules);
}

#[test]
fn a_changed_condition_decides_at_once() {
    let mut world = studio();
    let condition = world.condition(is_of("Sales"));
    for line in ["L1", "L2"] {
        let actions = vec![new_action("who", Some(condition.id), ALLOW)];
        world.put_actions(line, actions).expect("an action");
    }
    assert_eq!(world.ask_from("Tax", render("1")).code, ItemCode::DeniedByRules);
    world.conditions(vec![draft(Some(condition.id), is_of("Tax"))]).expect("changed");
    assert_eq!(world.ask_from("Tax", render("1")).code, ItemCode::Charged);
    assert_eq!(world.ask_from("Sales", render("1")).code, ItemCode::DeniedByRules);
}

#[test]
fn not_of_a_department_is_satisfied_by_whoever_has_none() {
    let mut world = studio();
    let condition = world.condition(Expression::Test {
        key: "department".into(),
        membership: Membership::Not,
        values: vec!["Sales".into()],
    });
    for line in ["L1", "L2"] {
        let actions = vec![new_action("who", Some(condition.id), ALLOW)];
        world.put_actions(line, actions).expect("an action");
    }
    assert_eq!(world.ask(render("1")).code, ItemCode::Charged);
    assert_eq!(world.ask_from("Tax", render("1")).code, ItemCode::Charged);
    assert_eq!(world.ask_from("Sales", render("1")).code, ItemCode::DeniedByRules);
}

// ---- actions

#[test]
fn the_first_action_that_matches_decides() {
    let mut world = studio();
    world.put_actions("L2", vec![new_action("nobody", None, DENY)]).expect("an action");
    let sales = world.condition(is_of("Sales")).id;
    let deny_first = vec![new_action("a", Some(sales), DENY), new_action("b", None, ALLOW)];
    world.put_actions("L1", deny_first).expect("actions");
    assert_eq!(codes(&world.one_off(from("Sales"), &[render("1")])), [ItemCode::DeniedByRules]);
    assert_eq!(codes(&world.one_off(ada(), &[render("1")])), [ItemCode::Charged]);
    let standing = actions(&world);
    let allow_first = standing.iter().rev().map(keep).collect();
    world.put_actions("L1", allow_first).expect("actions");
    assert_eq!(codes(&world.one_off(from("Sales"), &[render("1")])), [ItemCode::Charged]);
}

#[test]
fn an_exhausted_action_does_not_hand_on_to_the_next() {
    let rules = [Rule::Allow("Sales", "10"), Rule::AllowOthers("100")];
    let mut world = World::new().rate("Render", "2.0", "1").line("L1", "200").rules("L1", &rules);
    assert_eq!(world.ask_from("Sales", render("10")).code, ItemCode::Charged);
    assert_eq!(world.ask_from("Sales", render("1")).code, ItemCode::DeniedByRules);
    assert_eq!(world.ask(render("100")).code, ItemCode::Charged);
}

#[test]
fn a_new_order_keeps_what_was_used() {
    let rules = [Rule::Allow("Sales", "10"), Rule::Allow("Tax", "20")];
    let mut world = studio().rules("L1", &rules).rules("L2", &[Rule::DenyOthers]);
    world.ask_from("Sales", render("4"));
    world.ask_from("Tax", render("5"));
    let mut drafts: Vec<_> = actions(&world).iter().rev().map(keep).collect();
    drafts[1].effect = allow("5");
    drafts[1].name = "Sales again".into();
    let put = world.put_actions("L1", drafts).expect("actions");
    let used = put.iter().map(|action| (&*action.name, action.used.to_string()));
    let expected = [("Tax", "5".to_owned()), ("Sales again", "4".to_owned())];
    assert_eq!(used.collect::<Vec<_>>(), expected);
    // One of the five is left.
    assert_eq!(world.ask_from("Sales", render("2")).code, ItemCode::DeniedByRules);
    assert_eq!(world.ask_from("Sales", render("1")).code, ItemCode::Charged);
}

#[test]
fn an_action_left_out_is_deleted_with_its_count() {
    let rules = [Rule::Allow("Sales", "10"), Rule::Allow("Tax", "20")];
    let mut world = studio().rules("L1", &rules).rules("L2", &[Rule::DenyOthers]);
    world.ask_from("Sales", render("10"));
    let [sales, tax] = actions(&world).try_into().expect("two actions");
    world.put_actions("L1", vec![keep(&tax)]).expect("one action");
    assert_eq!(world.ask_from("Sales", render("1")).code, ItemCode::DeniedByRules);
    let gone = world.put_actions("L1", vec![keep(&tax), keep(&sales)]);
    assert_eq!(gone, Err(Refusal::ActionNotFound(sales.id)));
    let anew = vec![keep(&tax), new_action("Sales", sales.condition, allow("10"))];
    world.put_actions("L1", anew).expect("two actions");
    assert_eq!(world.ask_from("Sales", render("10")).code, ItemCode::Charged);
    assert_eq!(world.used("L1"), "20");
}

#[test]
fn a_refund_of_a_deleted_action_goes_to_the_line_item_alone() {
    let mut world = studio().rules("L1", &[Rule::Allow("Sales", "60")]);
    let id = world.open();
    world.put_as(id, from("Sales"), &[render("60")], true).expect("an answer");
    world.put_actions("L1", vec![new_action("anew", None, allow("60"))]).expect("an action");
    world.at(30).close(id);
    assert_eq!(world.used("L1"), "30");
    assert_eq!(world.used_by_action("L1"), [("anew".to_owned(), "0".to_owned())]);
}

#[test]
fn actions_are_added_at_the_end() {
    let mut world = studio().rules("L1", &[Rule::Allow("Sales", "10")]);
    world.ask_from("Sales", render("3"));
    let added = world.add_actions("L1", vec![new_action("others", None, DENY)]).expect("actions");
    let names = added.iter().map(|action| (&*action.name, action.used.to_string()));
    let expected = [("Sales", "3".to_owned()), ("others", "0".to_owned())];
    assert_eq!(names.collect::<Vec<_>>(), expected);
}

#[test]
fn actions_put_as_they_stand_are_no_change() {
    let mut world = studio().rules("L1", &[Rule::Allow("Sales", "10")]);
    let before = world.journal.len();
    let standing = actions(&world);
    let again = world.put_actions("L1", standing.iter().map(keep).collect());
    assert_eq!(again, Ok(standing));
    assert_eq!(world.journal.len(), before);
}

#[test]
fn actions_that_make_no_sense_are_refused_and_change_nothing() {
    let mut world = studio().rules("L1", &[Rule::Allow("Sales", "10")]);
    let standing = actions(&world);
    let sales = standing[0].condition;
    let mut kept_unknown = keep(&standing[0]);
    kept_unknown.id = Some(unknown_action());
    let twice = || keep(&standing[0]);
    let cases = [
        (
            vec![new_action("x", Some(unknown_condition()), DENY)],
            Refusal::ConditionNotFound(unknown_condition()),
        ),
        (vec![kept_unknown], Refusal::ActionNotFound(unknown_action())),
        (vec![twice(), twice()], Refusal::ActionTwice(standing[0].id)),
        (
            vec![new_action("x", None, DENY), new_action("y", None, allow("1"))],
            Refusal::TwoDefaultActions,
        ),
        (
            vec![new_action("x", sales, ALLOW), new_action("y", None, ALLOW)],
            Refusal::TwoUnlimitedActions,
        ),
        (
            vec![new_action("x", sales, DENY); 1_001],
            Refusal::TooMany { what: "actions", max: 1_000 },
        ),
    ];
    let before = world.journal.len();
    for (drafts, refusal) in cases {
        assert_eq!(world.put_actions("L1", drafts), Err(refusal));
    }
    let missing = world.put_actions("L9", Vec::new());
    assert_eq!(missing, Err(Refusal::LineItemNotFound("L9".into())));
    let missing = world.add_actions("L9", Vec::new());
    assert_eq!(missing, Err(Refusal::LineItemNotFound("L9".into())));
    assert_eq!((actions(&world), world.journal.len()), (standing, before));
}

#[test]
fn a_line_item_put_anew_in_full_keeps_its_actions() {
    let mut world = studio().rules("L1", &[Rule::Allow("Sales", "10")]);
    world.ask_from("Sales", render("3"));
    let before = actions(&world);
    world.change_line("L1", |_| support::terms("L1", "500"));
    assert_eq!(actions(&world), before);
}
