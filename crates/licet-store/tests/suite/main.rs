//! One suite of stories for every backend of the store, and what is one backend's alone.
//!
//! A story takes a [`home::Home`], where a store can be opened again and again, and says in its
//! name what must be true of any backend. A new backend implements `Home` and calls `stories!`.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod administration;
mod consumers;
mod home;
mod journal;
mod meters;
mod postgres;
mod postgres_home;
mod postgres_journal;
mod postgres_network;
#[cfg(unix)]
mod postgres_tls;
mod projection;
mod proxy;
mod site;
mod sqlite;
mod usage;

macro_rules! suite {
    ($backend:ident, $home:expr, { $($noun:ident: $($story:ident),+ $(,)?;)+ }) => {
        mod $backend {
            $(mod $noun {
                $(#[tokio::test]
                async fn $story() {
                    if let Some(home) = $home {
                        crate::$noun::$story(&home).await;
                    }
                })+
            })+
        }
    };
}

macro_rules! stories {
    ($backend:ident, $home:expr) => {
        suite!($backend, $home, {
            journal:
                what_is_appended_comes_back_when_an_instance_is_loaded,
                an_instance_without_a_journal_loads_empty,
                an_append_on_an_old_head_is_refused_and_the_others_go_on,
                of_two_appends_on_the_same_head_one_wins,
                groups_are_read_in_order_and_never_in_part,
                a_reopened_store_goes_on_where_it_stood,
                heads_of_quiet_instances_are_found_after_a_reopening,
                heads_survive_a_projection_that_is_thrown_away,
                loading_starts_from_the_snapshot_and_walks_the_rest,
                sections_of_one_instance_far_apart_are_read_in_order,
                an_older_snapshot_does_not_replace_a_newer_one,
                a_snapshot_that_does_not_fit_the_journal_is_not_used,
                the_instances_that_are_due_come_earliest_first,
                a_closed_store_takes_nothing_more;
            projection:
                a_step_from_the_wrong_position_changes_nothing,
                the_projection_can_be_thrown_away_and_made_again,
                roll_ups_are_added_to_what_stands,
                roll_ups_are_found_by_instance_and_by_account,
                line_items_and_sessions_are_replaced;
            usage:
                usage_is_filtered_by_every_field,
                usage_is_paged_by_row_id,
                usage_out_of_order_of_time_is_found,
                usage_of_an_account_with_many_instances_is_whole,
                pages_go_on_across_the_borders_of_blocks,
                row_ids_stay_when_more_is_projected,
                the_newest_rows_of_a_kind_are_found;
            consumers:
                consumers_are_added_to_what_stands,
                consumers_are_found_by_day_instance_and_account,
                consumers_of_many_steps_are_their_plain_sum,
                consumers_of_meters_are_kept_apart;
            administration:
                users_of_instances_are_apart,
                a_changed_user_of_an_instance_loses_its_tokens,
                the_producer_user_is_one_for_all_instances,
                tokens_of_instances_are_swept_with_the_others,
                settings_of_instances_go_back_to_their_default,
                licensing_keys_are_deleted_one_by_one_or_all;
            meters:
                meters_are_added_to_what_stands,
                meters_are_found_by_time_name_instance_and_account,
                denials_are_counted_by_reason,
                what_is_in_use_is_found_as_of_any_day;
            site:
                the_first_instance_of_an_account_is_its_default,
                instances_are_paged_and_filtered,
                a_short_name_is_taken_once_in_an_account,
                a_rate_table_in_effect_cannot_be_deleted,
                a_rate_table_version_is_taken_once_in_its_series,
                the_last_administration_key_stays,
                keys_are_put_all_or_none,
                signing_keys_are_replaced_by_who_knows_them,
                settings_are_replaced_by_name,
                a_deleted_user_takes_its_tokens_along,
                tokens_are_swept_when_they_have_expired,
                a_change_that_fails_leaves_no_audit_row,
                audit_rows_of_site_and_instances_make_one_order,
                a_ready_store_says_so;
        });
    };
}

stories!(on_sqlite, Some(crate::home::SqliteHome::new()));
stories!(on_postgres, crate::postgres_home::PostgresHome::new());
