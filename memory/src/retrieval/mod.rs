//! Ranking turns: from the index's matches and what is known of each turn to
//! one order. Plain functions of values.
