//! Accounts, keys and settings of instances.

use licet_store::{
    AuditRow, InstanceSettingRow, InstanceTokenRow, InstanceUserRow, LicensingKeyRow,
    ProducerUserRow, Store, StoreError,
};
use uuid::Uuid;

use crate::home::{Home, audit};

const ONE: Uuid = Uuid::from_u128(1);
const TWO: Uuid = Uuid::from_u128(2);

fn user(instance_id: Uuid, name: &str) -> InstanceUserRow {
    InstanceUserRow {
        instance_id,
        name: name.into(),
        password_hash: "$argon2id$".into(),
        roles: "ROLE_READ".into(),
        disabled: false,
        created_ms: 1,
        modified_ms: 2,
    }
}

async fn give_token(store: &dyn Store, byte: u8, instance_id: Uuid, user: &str, expires_ms: i64) {
    let row = InstanceTokenRow {
        hash: [byte; 32],
        instance_id,
        user: user.into(),
        created_ms: 1,
        expires_ms,
    };
    store.create_instance_token(row.clone(), AuditRow::default()).await.unwrap();
    assert_eq!(store.instance_token([byte; 32]).await.unwrap(), Some(row));
}

/// Which of the tokens of these bytes are there.
async fn tokens(store: &dyn Store, bytes: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    for byte in bytes {
        if store.instance_token([*byte; 32]).await.unwrap().is_some() {
            found.push(*byte);
        }
    }
    found
}

pub(crate) async fn users_of_instances_are_apart(home: &dyn Home) {
    let store = home.open().await;
    let none = AuditRow::default;
    for row in [user(ONE, "b"), user(ONE, "a"), user(TWO, "a")] {
        store.create_instance_user(row, audit(5, "instance-user.create")).await.unwrap();
    }
    let again = store.create_instance_user(user(ONE, "a"), none()).await;
    assert!(matches!(again, Err(StoreError::Duplicate)));
    let listed = store.instance_users(ONE).await.unwrap();
    assert_eq!(listed, [user(ONE, "a"), user(ONE, "b")]);
    assert_eq!(store.instance_user(TWO, "b".into()).await.unwrap(), None);
    assert_eq!(store.audit_rows(0, 10).await.unwrap().len(), 3);
}

pub(crate) async fn a_changed_user_of_an_instance_loses_its_tokens(home: &dyn Home) {
    let store = home.open().await;
    let none = AuditRow::default;
    store.create_instance_user(user(ONE, "a"), none()).await.unwrap();
    store.create_instance_user(user(TWO, "a"), none()).await.unwrap();
    give_token(&*store, 1, ONE, "a", 9).await;
    give_token(&*store, 2, ONE, "b", 9).await;
    give_token(&*store, 3, TWO, "a", 9).await;
    let changed = InstanceUserRow { disabled: true, roles: "ROLE_ADMIN".into(), ..user(ONE, "a") };
    store.update_instance_user(changed.clone(), none()).await.unwrap();
    assert_eq!(store.instance_user(ONE, "a".into()).await.unwrap(), Some(changed));
    assert_eq!(tokens(&*store, &[1, 2, 3]).await, [2, 3]);
    let missing = store.update_instance_user(user(ONE, "x"), none()).await;
    assert!(matches!(missing, Err(StoreError::NotFound)));

    store.delete_instance_user(TWO, "a".into(), none()).await.unwrap();
    assert_eq!(tokens(&*store, &[1, 2, 3]).await, [2]);
    assert!(store.instance_user(ONE, "a".into()).await.unwrap().is_some());
    let gone = store.delete_instance_user(TWO, "a".into(), none()).await;
    assert!(matches!(gone, Err(StoreError::NotFound)));
    store.delete_instance_token([2; 32], none()).await.unwrap();
    assert!(tokens(&*store, &[1, 2, 3]).await.is_empty());
}

pub(crate) async fn the_producer_user_is_one_for_all_instances(home: &dyn Home) {
    let store = home.open().await;
    assert_eq!(store.producer_user().await.unwrap(), None);
    let mut row = ProducerUserRow {
        name: "producer".into(),
        password_hash: "one".into(),
        enabled: true,
        modified_ms: 3,
        updated_by: "ada".into(),
    };
    store.put_producer_user(row.clone(), AuditRow::default()).await.unwrap();
    assert_eq!(store.producer_user().await.unwrap(), Some(row.clone()));
    give_token(&*store, 1, ONE, "producer", 9).await;
    give_token(&*store, 2, TWO, "producer", 9).await;
    give_token(&*store, 3, TWO, "admin", 9).await;
    row.enabled = false;
    store.put_producer_user(row.clone(), AuditRow::default()).await.unwrap();
    assert_eq!(store.producer_user().await.unwrap(), Some(row));
    assert_eq!(tokens(&*store, &[1, 2, 3]).await, [3]);
}

pub(crate) async fn tokens_of_instances_are_swept_with_the_others(home: &dyn Home) {
    let store = home.open().await;
    give_token(&*store, 1, ONE, "a", 10).await;
    give_token(&*store, 2, ONE, "a", 20).await;
    store.sweep_tokens(20).await.unwrap();
    assert_eq!(tokens(&*store, &[1, 2]).await, [2]);
}

pub(crate) async fn settings_of_instances_go_back_to_their_default(home: &dyn Home) {
    let store = home.open().await;
    let none = AuditRow::default;
    let setting = |instance_id, name: &str, value: &str| InstanceSettingRow {
        instance_id,
        name: name.into(),
        value: value.into(),
        modified_ms: 3,
        updated_by: "ada".into(),
    };
    let put = |rows| store.put_instance_settings(rows, none());
    put(vec![setting(TWO, "b", "1"), setting(ONE, "b", "1"), setting(ONE, "a", "1")])
        .await
        .unwrap();
    put(vec![setting(ONE, "b", "2")]).await.unwrap();
    let of_one = [setting(ONE, "a", "1"), setting(ONE, "b", "2")];
    assert_eq!(store.instance_settings(Some(ONE)).await.unwrap(), of_one);
    assert_eq!(store.instance_settings(None).await.unwrap().len(), 3);
    store.delete_instance_setting(ONE, "b".into(), none()).await.unwrap();
    let again = store.delete_instance_setting(ONE, "b".into(), none()).await;
    assert!(matches!(again, Err(StoreError::NotFound)));
    let left = [setting(ONE, "a", "1"), setting(TWO, "b", "1")];
    assert_eq!(store.instance_settings(None).await.unwrap(), left);
}

pub(crate) async fn licensing_keys_are_deleted_one_by_one_or_all(home: &dyn Home) {
    let store = home.open().await;
    let none = AuditRow::default;
    let key = |instance_id, kid: &str, created_ms| LicensingKeyRow {
        instance_id,
        kid: kid.into(),
        der: vec![0x30, 0xff],
        created_ms,
    };
    for row in [key(ONE, "x", 3), key(ONE, "z", 1), key(ONE, "y", 1), key(TWO, "x", 2)] {
        store.put_licensing_key(row, none()).await.unwrap();
    }
    let newer = LicensingKeyRow { der: vec![1], ..key(ONE, "x", 4) };
    store.put_licensing_key(newer.clone(), none()).await.unwrap();
    let all = [key(ONE, "y", 1), key(ONE, "z", 1), newer.clone(), key(TWO, "x", 2)];
    assert_eq!(store.licensing_keys().await.unwrap(), all);
    store.delete_licensing_keys(ONE, Some("y".into()), none()).await.unwrap();
    let again = store.delete_licensing_keys(ONE, Some("y".into()), none()).await;
    assert!(matches!(again, Err(StoreError::NotFound)));
    assert_eq!(store.licensing_keys().await.unwrap(), all[1..]);
    store.delete_licensing_keys(ONE, None, none()).await.unwrap();
    store.delete_licensing_keys(ONE, None, none()).await.unwrap();
    assert_eq!(store.licensing_keys().await.unwrap(), all[3..]);
}
