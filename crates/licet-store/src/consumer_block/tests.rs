use super::*;

fn key() -> ConsumerKey {
    ConsumerKey {
        instance_id: Uuid::from_u128(7),
        account_id: "NORTHWIND".into(),
        span: Span::Day,
        starts_at_ms: 5,
        meter: "render".into(),
    }
}

fn user(consumer_id: &str, tokens: i64) -> ConsumerEntry<'_> {
    ConsumerEntry { consumer_type: "user", consumer_id, tokens, granted: 1, denied: 0 }
}

#[test]
fn consumers_come_back_in_order_and_added_up() {
    let device = ConsumerEntry { consumer_type: "device", ..user("x", i64::MIN) };
    let consumers = vec![user("b", 1), device, user("a", 2), user("b", 3)];
    let block = ConsumerBlock::pack(key(), consumers);
    let b = ConsumerEntry { granted: 2, ..user("b", 4) };
    assert_eq!(block.entries().unwrap(), [device, user("a", 2), b]);

    let other = ConsumerBlock::pack(key(), vec![user("c", -4), user("a", 1)]);
    let merged = block.merged_with(&[other]).unwrap();
    let a = ConsumerEntry { granted: 2, ..user("a", 3) };
    assert_eq!(merged.entries().unwrap(), [device, a, b, user("c", -4)]);
}

#[test]
fn every_changed_byte_and_every_cut_is_noticed() {
    let block = ConsumerBlock::pack(key(), vec![user("a", 1), user("b", 300)]);
    for at in 0..block.body.len() {
        let mut changed = block.clone();
        changed.body[at] ^= 0x40;
        assert!(matches!(changed.entries(), Err(StoreError::Damaged(_))), "byte {at}");
        changed.body.truncate(at);
        changed.entries().unwrap_err();
    }
    ConsumerBlock { consumers: 1, ..block.clone() }.entries().unwrap_err();
    for key in [
        ConsumerKey { starts_at_ms: 6, ..key() },
        ConsumerKey { instance_id: Uuid::from_u128(1), ..key() },
        ConsumerKey { span: Span::Quarter, ..key() },
        ConsumerKey { meter: "export".into(), ..key() },
    ] {
        ConsumerBlock { key, ..block.clone() }.entries().unwrap_err();
    }
}

/// Blocks that stand after steps of these sizes, if no consumer comes twice; and how many
/// consumers were written for that.
fn after_steps(sizes: impl Iterator<Item = u32>) -> (Vec<Standing>, i64) {
    let (mut standing, mut written) = (Vec::new(), 0);
    for size in sizes {
        let number = Standing::next_number(&standing);
        let merged = to_merge(&standing, size);
        standing.retain(|block| !merged.contains(block));
        let sum: i64 = merged.iter().map(|block| block.consumers).sum();
        let consumers = i64::from(size) + sum;
        standing.push(Standing { number, consumers });
        written += consumers;
    }
    (standing, written)
}

#[test]
fn few_blocks_stand_and_each_consumer_is_written_seldom() {
    let (standing, written) = after_steps((0..10_000).map(|_| 10));
    assert!(standing.len() <= 3 * 9, "{standing:?}");
    assert!(written <= 100_000 * 10, "{written}");
    let (standing, written) = after_steps((0..10_000).map(|step| 1 + step * 7919 % 100));
    assert!(standing.len() <= 3 * 11, "{standing:?}");
    assert!(written <= 505_000 * 11, "{written}");
}
