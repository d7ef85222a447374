//! What every engine must do, as stories over `&dyn Store`: each engine's tests run all of them, each on
//! an empty store. A story that fails panics.

#![expect(clippy::unwrap_used, reason = "stories are tests")]

pub mod appending;
pub mod fencing;
pub mod postgres_server;
pub mod reading;
pub mod sample;

/// Calls `$run!` with the name of every story, so that no engine can leave one out.
#[macro_export]
macro_rules! every_story {
    ($run:ident) => {
        $run! {
            appending::a_ticket_and_its_events_come_back_as_they_were_written,
            appending::a_version_that_was_not_seen_is_a_conflict_and_writes_nothing,
            appending::a_new_ticket_whose_key_is_used_is_taken,
            appending::an_id_of_another_stream_is_taken,
            appending::one_bad_part_keeps_the_whole_change_out,
            appending::a_change_of_several_streams_is_one_piece,
            appending::a_request_that_comes_twice_is_done_once,
            appending::of_two_writers_that_race_exactly_one_wins,
            appending::a_bad_change_takes_none_of_its_group_with_it,
            appending::a_body_above_the_limit_is_refused_and_one_at_the_limit_is_kept,
            appending::what_no_engine_can_keep_is_refused,
            appending::seq_has_no_gaps_and_a_reader_skips_nothing,
            appending::an_append_that_nobody_waits_for_is_done,
            fencing::a_lease_needs_an_epoch_above_all_before_it,
            fencing::a_lease_ends_once,
            fencing::only_the_holder_renews,
            fencing::a_stale_epoch_keeps_its_events_out,
            fencing::of_many_that_take_one_lease_exactly_one_gets_it,
            fencing::a_secret_is_known_by_its_hash_alone,
            fencing::a_link_that_signs_in_once_does_so_once,
            reading::tickets_are_selected_by_every_field,
            reading::projections_are_selected_and_counted,
            reading::events_are_selected_by_project_ticket_kind_and_time,
            reading::only_open_tickets_are_loaded_at_the_start,
            reading::a_sound_log_verifies_and_replays,
            reading::a_snapshot_is_rebuilt_without_an_event,
            reading::what_rows_were_made_by_is_kept,
            reading::what_is_not_there_is_missing,
            reading::any_text_survives,
        }
    };
}
