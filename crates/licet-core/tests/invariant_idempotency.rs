//! The same key with the same body gives the same answer and is charged once, whatever happens in
//! between, also on an instance that was loaded from its journal or from a snapshot; with another
//! body it is refused.

mod support;

use licet_core::{Command, IdempotencyKey, Instance, Record, Refusal, Reply};
use proptest::{prelude::*, sample::Index};
use support::{
    DAY, MINUTE_MS, folded, key,
    random::{Play, Step, config, steps},
};

/// A command under a key, and what it was answered at some time.
struct Answered {
    command: Command,
    reply: Reply,
    at_ms: i64,
}

fn key_of(command: &mut Command) -> Option<&mut IdempotencyKey> {
    match command {
        Command::Access { key, .. }
        | Command::AccessMany { key, .. }
        | Command::OpenSession { key }
        | Command::AccessSession { key, .. } => key.as_mut(),
        _ => None,
    }
}

/// Whether a record is one of a client's request, not of what fell due meanwhile.
fn is_requested(record: &Record) -> bool {
    match record {
        Record::Access { .. } | Record::SessionOpened { .. } => true,
        Record::SessionAccess { automatic, .. } => !automatic,
        _ => false,
    }
}

#[derive(Debug, Clone, Copy)]
enum Node {
    /// The one that answered.
    Same,
    /// One that folded the journal.
    Folded,
    /// One that loaded a snapshot.
    Restored,
}

fn repeats() -> impl Strategy<Value = Vec<Option<(Index, Node)>>> {
    let node = prop_oneof![Just(Node::Same), Just(Node::Folded), Just(Node::Restored)];
    prop::collection::vec(prop::option::of((any::<Index>(), node)), 70)
}

proptest! {
    #![proptest_config(config(192))]

    #[test]
    fn a_key_stands_for_one_answer(steps in steps(60), repeats in repeats()) {
        let mut play = Play::new();
        let mut answered: Vec<Answered> = Vec::new();
        for (number, (step, repeat)) in steps.iter().zip(&repeats).enumerate() {
            let now_ms = play.world.now_ms;
            if let Some((which, node)) = repeat
                && !answered.is_empty()
            {
                let first = which.get(&answered);
                if now_ms <= first.at_ms + DAY * MINUTE_MS {
                    repeat_on(&mut play, first, *node);
                }
            }
            take(&mut play, step, number, &mut answered);
        }
    }
}

fn take(play: &mut Play, step: &Step, number: usize, answered: &mut Vec<Answered>) {
    let Some(command) = play.command(step, Some(key(&format!("k{number}"), 1))) else { return };
    let reply = play.world.execute(command.clone());
    if let Ok(Reply::SessionOpened(id)) = reply {
        play.opened.push(id);
    }
    let has_key = key_of(&mut command.clone()).is_some();
    if let Ok(reply) = reply
        && has_key
    {
        // An instance's clock may be ahead of the caller's.
        let at_ms = play.world.journal.last().map_or(0, Record::at_ms);
        answered.push(Answered { command, reply, at_ms });
    }
}

fn repeat_on(play: &mut Play, first: &Answered, node: Node) {
    match node {
        Node::Same => {}
        Node::Folded => play.world.instance = folded(&play.world.journal),
        Node::Restored => {
            let snapshot = play.world.instance.to_snapshot();
            play.world.instance = Instance::from_snapshot(&snapshot).expect("what was written");
        }
    }
    let head = play.world.journal.len();
    assert_eq!(play.world.execute(first.command.clone()).as_ref(), Ok(&first.reply));
    let mut other = first.command.clone();
    if let Some(key) = key_of(&mut other) {
        key.digest = [2; 32];
    }
    assert_eq!(play.world.execute(other), Err(Refusal::IdempotencyKeyReused));
    assert!(!play.world.journal[head..].iter().any(is_requested), "charged again");
}
