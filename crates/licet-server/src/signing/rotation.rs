//! When each signing key signs: what a new key, or one that is gone, means for the others.
//!
//! Of an algorithm that has signed, some key signs at every moment from now on.

use licet_store::{Retirement, SigningKeyRow};

/// Puts a key in. It signs from `new.activates_ms` on, and those before it until then; they stay
/// published for `overlap_ms` more. The first of its algorithm signs at once.
pub(super) fn add(
    keys: &[SigningKeyRow],
    mut new: SigningKeyRow,
    overlap_ms: i64,
    now_ms: i64,
) -> Vec<SigningKeyRow> {
    let mut keys = tidied(keys, now_ms);
    let signs = |key: &SigningKeyRow| {
        key.algorithm == new.algorithm && key.activates_ms <= now_ms && may_sign(key, now_ms)
    };
    if !keys.iter().any(signs) {
        new.activates_ms = now_ms;
    }
    // One that would begin after the new one never signs.
    keys.retain(|key| {
        key.algorithm != new.algorithm
            || key.activates_ms <= now_ms
            || key.activates_ms < new.activates_ms
    });
    for key in &mut keys {
        if key.algorithm == new.algorithm && may_sign(key, new.activates_ms) {
            retire(key, new.activates_ms, overlap_ms);
        }
    }
    keys.push(new);
    in_order(keys)
}

/// What is left when a key is taken out.
#[derive(Debug)]
pub(super) struct Removal {
    pub(super) keys: Vec<SigningKeyRow>,
    /// Nobody is left to sign as it did, so a new key is needed at once.
    pub(super) leaves_none: bool,
}

/// Takes a key out at once; `None` if there is no such key. Another one takes over, sooner than it
/// was to begin or longer than it was to go on.
pub(super) fn remove(keys: &[SigningKeyRow], kid: &str, now_ms: i64) -> Option<Removal> {
    let mut keys = tidied(keys, now_ms);
    let index = keys.iter().position(|key| key.kid == kid)?;
    let removed = keys.remove(index);
    let leaves_none = may_sign(&removed, now_ms) && !take_over(&mut keys, &removed, now_ms);
    Some(Removal { keys, leaves_none })
}

/// Sees to it that somebody signs in the place of one that is gone.
fn take_over(keys: &mut [SigningKeyRow], gone: &SigningKeyRow, now_ms: i64) -> bool {
    let mut others: Vec<_> = keys
        .iter_mut()
        .filter(|key| key.algorithm == gone.algorithm && may_sign(key, now_ms))
        .collect();
    others.sort_by_key(|key| key.activates_ms);
    // The last one goes on for ever.
    match others.last_mut() {
        None => return false,
        Some(last) => last.retirement = None,
    }
    // The first one begins now, and each begins when the one before it ends.
    others[0].activates_ms = others[0].activates_ms.min(now_ms);
    for index in 1..others.len() {
        if let Some(end) = others[index - 1].retirement {
            others[index].activates_ms = others[index].activates_ms.min(end.retires_ms);
        }
    }
    true
}

/// Ends all keys now, as when none of them can be unsealed any more. What they signed can be
/// verified for `overlap_ms` more.
pub(super) fn end_all(keys: &[SigningKeyRow], overlap_ms: i64, now_ms: i64) -> Vec<SigningKeyRow> {
    let mut keys = tidied(keys, now_ms);
    keys.retain(|key| key.activates_ms <= now_ms);
    for key in &mut keys {
        if may_sign(key, now_ms) {
            retire(key, now_ms, overlap_ms);
        }
        key.sealed_private_key = None;
    }
    keys
}

/// Without those that have expired, and without the private halves of those that have retired.
fn tidied(keys: &[SigningKeyRow], now_ms: i64) -> Vec<SigningKeyRow> {
    let is_published =
        |key: &&SigningKeyRow| key.retirement.is_none_or(|end| end.expires_ms > now_ms);
    let mut keys: Vec<_> = keys.iter().filter(is_published).cloned().collect();
    for key in &mut keys {
        if !may_sign(key, now_ms) {
            key.sealed_private_key = None;
        }
    }
    keys
}

/// Whether it is not retired by then.
pub(super) fn may_sign(key: &SigningKeyRow, at_ms: i64) -> bool {
    key.retirement.is_none_or(|end| end.retires_ms > at_ms)
}

fn retire(key: &mut SigningKeyRow, retires_ms: i64, overlap_ms: i64) {
    let until_ms = key.retirement.map_or(0, |end| end.expires_ms);
    let expires_ms = until_ms.max(retires_ms + overlap_ms);
    key.retirement = Some(Retirement { retires_ms, expires_ms });
}

/// As stores give them.
fn in_order(mut keys: Vec<SigningKeyRow>) -> Vec<SigningKeyRow> {
    keys.sort_by(|a, b| (a.created_ms, &a.kid).cmp(&(b.created_ms, &b.kid)));
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kid: &str, activates_ms: i64) -> SigningKeyRow {
        SigningKeyRow {
            kid: kid.into(),
            algorithm: "EdDSA".into(),
            sealed_private_key: Some(vec![1]),
            public_jwk: String::new(),
            created_ms: 0,
            activates_ms,
            retirement: None,
        }
    }

    /// Each key as `kid activates-retires/expires`, with a mark if it can sign no more.
    fn show(keys: &[SigningKeyRow]) -> Vec<String> {
        let show = |key: &SigningKeyRow| {
            let end = key
                .retirement
                .map_or(String::new(), |end| format!("{}/{}", end.retires_ms, end.expires_ms));
            let mark = if key.sealed_private_key.is_some() { "" } else { " public" };
            format!("{} {}-{end}{mark}", key.kid, key.activates_ms)
        };
        keys.iter().map(show).collect()
    }

    /// Which keys sign at a moment.
    fn signers(keys: &[SigningKeyRow], at_ms: i64) -> usize {
        keys.iter().filter(|key| key.activates_ms <= at_ms && may_sign(key, at_ms)).count()
    }

    #[test]
    fn the_first_key_signs_at_once() {
        assert_eq!(show(&add(&[], key("a", 600), 1000, 5)), ["a 5-"]);
        let other = SigningKeyRow { algorithm: "RS256".into(), ..key("r", 600) };
        let both = add(&add(&[], key("a", 600), 1000, 5), other, 1000, 50);
        assert_eq!(show(&both), ["a 5-", "r 50-"]);
    }

    #[test]
    fn a_new_key_takes_over_and_the_old_one_stays_published() {
        let keys = add(&[key("a", 0)], key("b", 600), 1000, 100);
        assert_eq!(show(&keys), ["a 0-600/1600", "b 600-"]);
        let later = add(&keys, key("c", 900), 1000, 700);
        assert_eq!(show(&later), ["a 0-600/1600 public", "b 600-900/1900", "c 900-"]);
        assert_eq!(show(&add(&later, key("d", 5000), 10, 1600))[0], "b 600-900/1900 public");
    }

    #[test]
    fn a_key_that_was_to_begin_later_is_overtaken() {
        let keys = add(&[key("a", 0)], key("b", 600), 1000, 100);
        assert_eq!(show(&add(&keys, key("c", 300), 10, 200)), ["a 0-300/1600", "c 300-"]);
        assert_eq!(show(&add(&keys, key("c", 600), 10, 200)), ["a 0-600/1600", "c 600-"]);
        assert_eq!(
            show(&add(&keys, key("c", 700), 10, 200)),
            ["a 0-600/1600", "b 600-700/710", "c 700-"]
        );
    }

    #[test]
    fn another_one_signs_when_a_key_is_gone() {
        let keys = add(&[key("a", 0)], key("b", 600), 1000, 100);
        let removal = remove(&keys, "a", 200).unwrap();
        assert_eq!((show(&removal.keys), removal.leaves_none), (vec!["b 200-".to_owned()], false));
        let removal = remove(&keys, "b", 200).unwrap();
        assert_eq!((show(&removal.keys), removal.leaves_none), (vec!["a 0-".to_owned()], false));
        let removal = remove(&keys, "a", 700).unwrap();
        assert_eq!((show(&removal.keys), removal.leaves_none), (vec!["b 600-".to_owned()], false));
        let removal = remove(&keys, "b", 700).unwrap();
        assert_eq!(show(&removal.keys), ["a 0-600/1600 public"]);
        assert!(removal.leaves_none, "a has retired");
        assert!(remove(&keys, "c", 0).is_none());
        assert!(remove(&keys, "a", 1600).is_none(), "it has expired");
    }

    #[test]
    fn one_of_three_leaves_no_gap() {
        let keys = add(&[key("a", 0)], key("b", 600), 1000, 100);
        let keys = add(&keys, key("c", 900), 1000, 200);
        for kid in ["a", "b", "c"] {
            let removal = remove(&keys, kid, 300).unwrap();
            assert!(!removal.leaves_none);
            for at_ms in (300..2000).step_by(50) {
                assert_eq!(signers(&removal.keys, at_ms), 1, "{kid} {at_ms}");
            }
        }
    }

    /// What may happen to keys; a number is a key's place in the list.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Add { activate_after_ms: i64 },
        Remove { index: usize },
        Pass { millis: i64 },
    }

    const STEPS: [Step; 8] = [
        Step::Add { activate_after_ms: 0 },
        Step::Add { activate_after_ms: 300 },
        Step::Add { activate_after_ms: 900 },
        Step::Remove { index: 0 },
        Step::Remove { index: 1 },
        Step::Remove { index: 2 },
        Step::Pass { millis: 300 },
        Step::Pass { millis: 1 },
    ];

    fn take(keys: &mut Vec<SigningKeyRow>, now_ms: &mut i64, step: Step, number: usize) {
        let new = |activates_ms| key(&number.to_string(), activates_ms);
        match step {
            Step::Pass { millis } => *now_ms += millis,
            Step::Add { activate_after_ms } => {
                *keys = add(keys, new(*now_ms + activate_after_ms), 500, *now_ms);
            }
            Step::Remove { index } => {
                let Some(kid) = keys.get(index).map(|key| key.kid.clone()) else { return };
                let Some(removal) = remove(keys, &kid, *now_ms) else { return };
                *keys = match removal.leaves_none {
                    false => removal.keys,
                    true => add(&removal.keys, new(*now_ms), 0, *now_ms),
                };
            }
        }
    }

    #[test]
    fn whatever_happens_somebody_signs() {
        for number in 0..STEPS.len().pow(5) {
            let digit = |place: u32| number / STEPS.len().pow(place) % STEPS.len();
            let steps: Vec<Step> = (0..5).map(|place| STEPS[digit(place)]).collect();
            let (mut keys, mut now_ms) = (vec![key("first", 0)], 100);
            for (index, step) in steps.iter().enumerate() {
                take(&mut keys, &mut now_ms, *step, index);
                let moments = keys.iter().map(|key| key.activates_ms.max(now_ms));
                for at_ms in moments.chain([now_ms, now_ms + 299, now_ms + 10_000]) {
                    let signers = signers(&keys, at_ms);
                    assert_eq!(signers, 1, "{steps:?} at {at_ms}: {:?}", show(&keys));
                }
                let can_sign = |key: &SigningKeyRow| key.sealed_private_key.is_some();
                assert!(keys.iter().all(|key| can_sign(key) || !may_sign(key, now_ms)));
            }
        }
    }

    #[test]
    fn an_algorithm_that_signs_no_more_needs_no_successor() {
        let retired = Some(Retirement { retires_ms: 5, expires_ms: 500 });
        let keys = [SigningKeyRow { retirement: retired, ..key("a", 0) }];
        assert!(!remove(&keys, "a", 10).unwrap().leaves_none);
    }

    #[test]
    fn all_can_be_ended() {
        let keys = add(&[key("a", 0)], key("b", 600), 1000, 100);
        assert_eq!(show(&end_all(&keys, 50, 200)), ["a 0-200/1600 public"]);
        assert_eq!(show(&end_all(&[key("a", 0)], 50, 200)), ["a 0-200/250 public"]);
    }
}
