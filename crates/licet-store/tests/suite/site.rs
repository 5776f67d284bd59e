//! Stories of what belongs to the site.

use licet_store::{
    AuditRow, InstanceFilter, InstanceRow, KeyKind, KeyRow, Projection, RateTableRow, Retirement,
    SettingRow, SigningKeyRow, Store, StoreError, TokenRow, UserRow,
};
use uuid::Uuid;

use crate::home::{Home, audit};

fn instance(number: u128, account_id: &str) -> InstanceRow {
    InstanceRow {
        id: Uuid::from_u128(number),
        short_name: format!("instance-{number}"),
        account_id: account_id.into(),
        is_default: false,
        created_ms: 1,
        modified_ms: 2,
    }
}

async fn create(store: &dyn Store, row: InstanceRow) -> Result<InstanceRow, StoreError> {
    store.create_instance(row, audit(1, "instance.create")).await
}

pub(crate) async fn the_first_instance_of_an_account_is_its_default(home: &dyn Home) {
    let store = home.open().await;
    let first = create(&*store, instance(1, "NORTHWIND")).await.unwrap();
    assert!(first.is_default, "whatever the row says");
    let claims = InstanceRow { is_default: true, ..instance(2, "NORTHWIND") };
    let second = create(&*store, claims).await.unwrap();
    assert!(!second.is_default, "there is one already");
    assert!(create(&*store, instance(3, "SOUTHRIDGE")).await.unwrap().is_default);

    assert_eq!(store.instance(first.id).await.unwrap(), Some(first));
    assert_eq!(store.instance(second.id).await.unwrap(), Some(second));
    assert_eq!(store.instance(Uuid::from_u128(9)).await.unwrap(), None);
}

pub(crate) async fn instances_are_paged_and_filtered(home: &dyn Home) {
    let store = home.open().await;
    for (number, account_id) in [(1, "A"), (2, "B"), (3, "A"), (4, "C")] {
        create(&*store, instance(number, account_id)).await.unwrap();
    }
    let numbers = async |filter| -> Vec<u128> {
        let rows = store.instances(filter).await.unwrap();
        rows.iter().map(|(_, row)| row.id.as_u128()).collect()
    };
    let all = InstanceFilter { limit: 10, ..InstanceFilter::default() };
    assert_eq!(numbers(all.clone()).await, [1, 2, 3, 4]);
    let two_accounts = InstanceFilter { account_ids: vec!["A".into(), "C".into()], ..all.clone() };
    assert_eq!(numbers(two_accounts.clone()).await, [1, 3, 4]);
    assert_eq!(numbers(InstanceFilter { default_only: true, ..two_accounts }).await, [1, 4]);

    let page = store.instances(InstanceFilter { limit: 3, ..all.clone() }).await.unwrap();
    assert_eq!(numbers(InstanceFilter { after: page[2].0, ..all }).await, [4]);
}

pub(crate) async fn a_short_name_is_taken_once_in_an_account(home: &dyn Home) {
    let store = home.open().await;
    create(&*store, instance(1, "A")).await.unwrap();
    let same_name = InstanceRow { id: Uuid::from_u128(2), ..instance(1, "A") };
    assert!(matches!(create(&*store, same_name.clone()).await, Err(StoreError::Duplicate)));
    let elsewhere = InstanceRow { account_id: "B".into(), ..same_name };
    create(&*store, elsewhere).await.unwrap();
    let same_id = InstanceRow { short_name: "other".into(), ..instance(1, "A") };
    assert!(matches!(create(&*store, same_id).await, Err(StoreError::Duplicate)));
}

fn rate_table(series: &str, version: &str, effective_from_ms: i64) -> RateTableRow {
    RateTableRow {
        series: series.into(),
        version: version.into(),
        effective_from_ms,
        created_ms: 5,
        items: "[]".into(),
    }
}

pub(crate) async fn a_rate_table_in_effect_cannot_be_deleted(home: &dyn Home) {
    let store = home.open().await;
    store.create_rate_table(rate_table("", "1", 100), AuditRow::default()).await.unwrap();
    let delete = |version: &str, now_ms| {
        store.delete_rate_table(String::new(), version.into(), now_ms, AuditRow::default())
    };
    assert!(matches!(delete("2", 0).await, Err(StoreError::NotFound)));
    assert!(matches!(delete("1", 100).await, Err(StoreError::Conflict)));
    assert_eq!(store.rate_tables().await.unwrap(), [rate_table("", "1", 100)]);
    delete("1", 99).await.unwrap();
    assert_eq!(store.rate_tables().await.unwrap(), []);
}

pub(crate) async fn a_rate_table_version_is_taken_once_in_its_series(home: &dyn Home) {
    let store = home.open().await;
    let create = |row| store.create_rate_table(row, AuditRow::default());
    create(rate_table("S", "1", 100)).await.unwrap();
    assert!(matches!(create(rate_table("S", "1", 200)).await, Err(StoreError::Duplicate)));
    create(rate_table("T", "1", 100)).await.unwrap();
    create(rate_table("S", "2", 50)).await.unwrap();
    let versions: Vec<_> = store.rate_tables().await.unwrap();
    let versions: Vec<_> = versions.iter().map(|row| (&*row.series, &*row.version)).collect();
    assert_eq!(versions, [("S", "2"), ("S", "1"), ("T", "1")]);
}

fn key(kind: KeyKind, id: &str, pem: &str) -> KeyRow {
    KeyRow { id: id.into(), kind, pem: pem.into(), created_ms: 1, modified_ms: 2 }
}

pub(crate) async fn the_last_administration_key_stays(home: &dyn Home) {
    let store = home.open().await;
    let keys = vec![
        key(KeyKind::Administration, "a", "A"),
        key(KeyKind::Administration, "b", "B"),
        key(KeyKind::Client, "c", "C"),
    ];
    store.put_keys(keys.clone(), AuditRow::default()).await.unwrap();
    assert_eq!(store.keys().await.unwrap(), keys);
    let delete = |kind, id: &str| store.delete_key(kind, id.into(), AuditRow::default());
    assert!(matches!(delete(KeyKind::Client, "a").await, Err(StoreError::NotFound)));
    delete(KeyKind::Administration, "a").await.unwrap();
    assert!(matches!(delete(KeyKind::Administration, "b").await, Err(StoreError::Conflict)));
    assert!(matches!(delete(KeyKind::Administration, "a").await, Err(StoreError::NotFound)));
    delete(KeyKind::Client, "c").await.unwrap();
    assert_eq!(store.keys().await.unwrap(), keys[1..2]);
}

pub(crate) async fn keys_are_put_all_or_none(home: &dyn Home) {
    let store = home.open().await;
    let put = |rows| store.put_keys(rows, AuditRow::default());
    put(vec![key(KeyKind::Administration, "a", "old")]).await.unwrap();
    put(vec![key(KeyKind::Administration, "a", "new")]).await.unwrap();
    let refused = vec![key(KeyKind::Client, "b", "B"), key(KeyKind::Client, "a", "A")];
    assert!(matches!(put(refused).await, Err(StoreError::Duplicate)));
    assert_eq!(store.keys().await.unwrap(), [key(KeyKind::Administration, "a", "new")]);
}

fn signing_key(kid: &str, created_ms: i64) -> SigningKeyRow {
    SigningKeyRow {
        kid: kid.into(),
        algorithm: "EdDSA".into(),
        sealed_private_key: Some(vec![1, 2, 3]),
        public_jwk: "{}".into(),
        created_ms,
        activates_ms: 7,
        retirement: None,
    }
}

pub(crate) async fn signing_keys_are_replaced_by_who_knows_them(home: &dyn Home) {
    let store = home.open().await;
    let replace = |before: &[SigningKeyRow], after: &[SigningKeyRow]| {
        store.replace_signing_keys(before.to_vec(), after.to_vec(), audit(5, "signing-key.create"))
    };
    assert_eq!(store.signing_keys().await.unwrap(), []);
    let old = signing_key("b", 1);
    replace(&[], std::slice::from_ref(&old)).await.unwrap();
    let retired = SigningKeyRow {
        sealed_private_key: None,
        retirement: Some(Retirement { retires_ms: 8, expires_ms: 9 }),
        ..old.clone()
    };
    let rs256 = SigningKeyRow { algorithm: "RS256".into(), ..signing_key("a", 2) };
    let after = [retired, rs256];
    let late = replace(&[], &[signing_key("c", 1)]).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
    replace(std::slice::from_ref(&old), &after).await.unwrap();
    assert_eq!(store.signing_keys().await.unwrap(), after);
    let late = replace(&[old], &[]).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
    replace(&after, &after[1..]).await.unwrap();
    assert_eq!(store.signing_keys().await.unwrap(), after[1..]);
    assert_eq!(store.audit_rows(0, 10).await.unwrap().len(), 3, "what was late left none");
}

pub(crate) async fn settings_are_replaced_by_name(home: &dyn Home) {
    let store = home.open().await;
    let setting = |name: &str, value: &str| SettingRow {
        name: name.into(),
        value: value.into(),
        modified_ms: 3,
        updated_by: "ada".into(),
    };
    let put = |rows| store.put_settings(rows, AuditRow::default());
    put(vec![setting("b", "1"), setting("a", "1")]).await.unwrap();
    put(vec![setting("b", "2")]).await.unwrap();
    assert_eq!(store.settings().await.unwrap(), [setting("a", "1"), setting("b", "2")]);
}

fn user(name: &str) -> UserRow {
    UserRow {
        name: name.into(),
        password_hash: "$argon2id$".into(),
        role: "administrator".into(),
        account_id: None,
        disabled: false,
        created_ms: 1,
        modified_ms: 2,
    }
}

fn token(byte: u8, user: &str, expires_ms: i64) -> TokenRow {
    TokenRow { hash: [byte; 32], user: user.into(), created_ms: 1, expires_ms }
}

pub(crate) async fn a_deleted_user_takes_its_tokens_along(home: &dyn Home) {
    let store = home.open().await;
    let none = AuditRow::default;
    store.create_user(user("ada"), none()).await.unwrap();
    store.create_user(user("grace"), none()).await.unwrap();
    let again = store.create_user(user("ada"), none()).await;
    assert!(matches!(again, Err(StoreError::Duplicate)));
    let changed = UserRow { account_id: Some("A".into()), disabled: true, ..user("ada") };
    store.update_user(changed.clone(), none()).await.unwrap();
    let missing = store.update_user(user("nobody"), none()).await;
    assert!(matches!(missing, Err(StoreError::NotFound)));
    assert_eq!(store.user("ada".into()).await.unwrap(), Some(changed.clone()));
    assert_eq!(store.users().await.unwrap(), [changed, user("grace")]);

    for (byte, name) in [(1, "ada"), (2, "ada"), (3, "ada"), (4, "grace")] {
        store.create_token(token(byte, name, 9), none()).await.unwrap();
    }
    store.delete_tokens("ada".into(), Some([1; 32]), none()).await.unwrap();
    store.delete_tokens("ada".into(), Some([4; 32]), none()).await.unwrap();
    assert_eq!(store.token([1; 32]).await.unwrap(), None);
    assert_eq!(store.token([2; 32]).await.unwrap(), Some(token(2, "ada", 9)));
    store.delete_user("ada".into(), none()).await.unwrap();
    assert_eq!(store.token([2; 32]).await.unwrap(), None);
    assert_eq!(store.token([4; 32]).await.unwrap(), Some(token(4, "grace", 9)));
    store.delete_tokens("grace".into(), None, none()).await.unwrap();
    assert_eq!(store.token([4; 32]).await.unwrap(), None);
    let gone = store.delete_user("ada".into(), none()).await;
    assert!(matches!(gone, Err(StoreError::NotFound)));
}

pub(crate) async fn tokens_are_swept_when_they_have_expired(home: &dyn Home) {
    let store = home.open().await;
    for (byte, expires_ms) in [(1, 10), (2, 20), (3, 30)] {
        store.create_token(token(byte, "ada", expires_ms), AuditRow::default()).await.unwrap();
    }
    store.sweep_tokens(20).await.unwrap();
    assert!(store.token([1; 32]).await.unwrap().is_none());
    assert!(store.token([2; 32]).await.unwrap().is_some());
    assert!(store.token([3; 32]).await.unwrap().is_some());
}

pub(crate) async fn a_change_that_fails_leaves_no_audit_row(home: &dyn Home) {
    let store = home.open().await;
    store.create_user(user("ada"), audit(5, "user.create")).await.unwrap();
    let again = store.create_user(user("ada"), audit(6, "user.create")).await;
    assert!(again.is_err());
    let full = AuditRow {
        at_ms: 7,
        actor: "ada".into(),
        action: "log-in.refused".into(),
        object: "user:grace".into(),
        before: Some("{}".into()),
        after: None,
        request_id: "r-1".into(),
    };
    store.audit(full.clone()).await.unwrap();
    let rows = store.audit_rows(0, 10).await.unwrap();
    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    assert_eq!(rows, [full, audit(5, "user.create")]);
}

pub(crate) async fn audit_rows_of_site_and_instances_make_one_order(home: &dyn Home) {
    let store = home.open().await;
    // Rows of instances reach the projection later than the site's rows of the same time.
    for at_ms in [10, 20, 20, 40] {
        store.audit(audit(at_ms, "site")).await.unwrap();
    }
    let rows = [15, 20, 20, 50].map(|at_ms| audit(at_ms, "instance")).to_vec();
    store.project(Projection { audit: rows, ..Projection::default() }).await.unwrap();

    let all = store.audit_rows(0, 100).await.unwrap();
    let times: Vec<_> = all.iter().map(|(_, row)| row.at_ms).collect();
    assert_eq!(times, [50, 40, 20, 20, 20, 20, 15, 10]);
    for limit in 1..=all.len() {
        let mut paged = Vec::new();
        let mut before = 0;
        loop {
            let page = store.audit_rows(before, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some((last, _)) = page.last() else { break };
            before = *last;
            paged.extend(page);
        }
        assert_eq!(paged, all, "in pages of {limit}");
    }

    // A page that was begun goes on as it was, whatever is added at the front.
    let (cursor, _) = all[2];
    store.audit(audit(60, "site")).await.unwrap();
    assert_eq!(store.audit_rows(cursor, 100).await.unwrap(), all[3..]);
}

pub(crate) async fn a_ready_store_says_so(home: &dyn Home) {
    let store = home.open().await;
    store.ready().await.unwrap();
    store.ready().await.unwrap();
}
