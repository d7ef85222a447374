//! Every command in every state, what no sequence of commands may do, and the rules that are easily got wrong.

mod fixture;
mod invariants;
mod lanes;
mod matrix;
mod matrix_rows;
mod properties;
mod random;
mod random_machine;
mod story_approval;
mod story_campaign;
mod story_landing;
mod story_messages;
mod story_people;
mod story_policy;
mod story_request;
mod story_rounds;
mod story_sessions;
mod story_stale;
mod story_waiting;
mod story_work;
