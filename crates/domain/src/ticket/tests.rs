//! Every command in every state, and what no sequence of commands may do.
