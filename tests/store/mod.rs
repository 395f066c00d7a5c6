//! One suite for the traits of a store, which every store has to pass. A store is added by naming
//! its kind below, which only defines how it is created, reopened and robbed of a lease.

mod claims;
mod counters;
mod edits;
mod fences;
mod groups;
mod intake;
mod kinds;
mod lanes;
mod outcomes;
mod pages;
mod search;
mod world;

/// Runs the suite against a kind of store. A test missing from this list is dead code, which the
/// compiler refuses.
macro_rules! suite {
    ($kind:ident: $($file:ident { $($test:ident)* })*) => {
        mod $kind {
            $(mod $file {
                $(
                    #[test]
                    fn $test() {
                        super::super::$file::$test(&super::super::world::World::of(super::super::kinds::$kind()));
                    }
                )*
            })*
        }
    };
}

suite! { sqlite:
    claims {
        an_intent_is_there_for_others_before_its_answer_comes
        of_two_runs_one_gets_the_write
        a_retry_has_an_intent_of_its_own
        what_changed_since_the_plan_is_skipped
        an_answer_leaves_the_write_where_the_rule_says
        what_may_have_been_applied_outside_its_window_is_refused
        a_closed_target_lets_nothing_out
    }
    edits {
        an_edit_is_a_revision_until_it_was_sent
    }
    fences {
        one_run_at_a_time_sends_to_a_target
        a_run_that_was_ended_sends_nothing_more
        a_lease_that_was_lost_lets_nothing_out
        a_store_that_was_replaced_lets_nothing_out_and_reports_nothing_as_done
        a_dead_run_is_taken_back_as_its_intents_say
        a_late_acceptance_counts_and_a_late_refusal_does_not
        what_was_cut_off_is_told_as_it_ended
    }
    lanes {
        a_lane_goes_in_the_order_of_its_failures
        a_write_in_flight_holds_its_lane_for_other_runs
        an_accepted_write_supersedes_older_ones
        an_unsendable_write_blocks_what_is_younger_on_every_page
        the_nearest_of_a_long_lane_are_its_neighbours
        a_batch_of_any_size_is_blocked_and_overtaken_by_what_shares_a_record_with_it
    }
    groups {
        a_group_is_its_target_object_type_code_and_shape_of_message
        the_first_window_to_end_is_found
        a_note_on_a_group_stays_until_it_is_taken_away
        a_parked_group_comes_back_when_its_time_comes_or_it_grows
    }
    outcomes {
        the_writes_of_a_run_are_told_by_cause
        what_was_said_in_a_run_is_its_cause_where_it_judged_no_data
    }
    pages {
        every_order_lists_every_write_once_while_more_come_in
        pages_go_backward_as_they_went_forward
        ids_match_as_pages_do
        a_page_names_the_records_that_no_lane_names
    }
    counters {
        counts_are_what_counting_finds_after_any_history
        a_change_by_anyone_is_told
    }
    search {
        text_is_found_as_it_is_written
        values_in_bodies_are_found_by_path
        what_no_attempt_said_last_is_found_too
    }
    intake {
        an_intake_is_taken_back_as_far_as_nothing_has_happened_since
        a_batch_is_taken_in_whole_or_not_at_all
        times_are_the_stores_own
        a_repeat_is_counted_and_not_added
    }
}
