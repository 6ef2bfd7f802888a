//! Every figure that a command writes, with the direction in which it is better; and
//! whether the table is whole.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

use super::*;

/// As they stand in results, one after the other; `@5` and the like for each cutoff,
/// budget or distance.
const MORE: &str = "
    n recall@5 recall@10 any@1 all@50 precision@25 ndcg@10 mrr session_any@5 session_all@5
    session_recall@1 session_ndcg@10 session_user_any@5 session_user_all@10 link_first
    later_above_earlier session_user_later_above_earlier updated_above_original updated@10
    both_values@10 both_sides@10 coverage@2000 all_evidence@2000
    unchanged_prefix@4096 measured_prefix@4096 unchanged_prefix_mean@4096
    auroc average_precision accuracy auroc_after_update average_precision_after_update
    edge_recall edge_precision without_recall@5 without_recall@10 without_mrr
    without_updated_above_original both_in_10 without_both_in_10 updated_in_10
    without_updated_in_10 update_edge contradiction_in_window contradiction_flagged
    contradiction_edge must_mention must_mention_all v1_must_mention v1_must_mention_all
    balanced_accuracy recall balanced_accuracy_locutions auroc_locutions
    balanced_accuracy_with_superseded balanced_accuracy_with_superseded_locutions
    f1_hi precision_hi recall_hi accuracy_hi f1_hi_contradicts_alone f1_hi_best_threshold
    f1_shift precision_shift recall_shift found contradicts_found contradicted_stale
    facts_superseded replacing_contradicted found@200
    precision@10pins recall@10pins coverage@4096_pinned coverage_span@4096
    explicit_in_window@28 implicit_in_window@96 final_pinned final_in_window@400
    coverage@2000/400 instruction_kept@400 fact_kept@8 update_kept@0 preference_kept@96
    instruction_kept_once_pinned@400 direct_fact_kept@8 indirect_instruction_kept@400
    far_over_near question_coverage@2000 shard_coverage@1000
    shard_coverage@1000_math shard_coverage@1000_too_long all_shards@1000
    answered answered/400 instruction_answered@400 answer_f1 answer_held judge_lenient
    judge_strict judge_strict/8 fact_judge_lenient@8
    p_bar p_bar_code aptitude sharded_over_full sharded_over_concat
    sharded_over_sharded_alone sharded_alone_over_full sharded_alone_over_concat
    recap_over_concat
    user_repeats_precision user_repeats_recall user_repeats_f1 user_repeats_measured
    user_corrects_precision user_corrects_recall user_corrects_f1 user_corrects_measured
    survived survived@800 survived_once_pinned still_pinned_once_pinned
    accepted tokens_per_second rouge1 rougeL caught_number caught_name caught_negation caught_speaker
    number_auroc name_auroc negation_auroc speaker_auroc balanced_accuracy_verdict
    appends_per_second searchable_per_second searchable_samples ratio_to_bare acknowledged";

/// Of these less is better.
const LESS: &str = "
    over_budget@2000 over_budget@4096 claimed_tokens window_tokens window_tokens@2000 window_tokens/400
    named_but_cut@2000
    ece ece_with_partly wrongly_retired wrongly_retired@0.8 resurrected
    contradiction_taken_for_update forbidden_unmarked forbidden_unmarked_fabricated
    forbidden_present queries_with_forbidden queries_with_forbidden_other
    v1_forbidden v1_queries_with_forbidden false_positive_rate
    pk pk_no_cut pk_even windowdiff windowdiff_no_cut windowdiff_even
    facts_wrongly_retired additive_as_update additive_retired additive_contradicted
    replacing_missed replaced_pinned replaced_unmarked@400
    stale_alone@400 memory_loss answered_memory_loss answer_f1_model_loss
    p_bar_memory_loss p_bar_model_loss unreliability
    reader_too_long reader_too_long/400 instruction_reader_too_long@400
    window_ms window_ms/400 add_ms_per_turn peak_memory_bytes
    user_repeats_false_alarms user_corrects_false_alarms
    false_alarms false_alarms_hard early_alarms delay_p50 delay_p90 unsupported unsupported_hard
    replaced rejected fell_back unsupported_number unsupported_summaries
    refused backlog_end backlog_max append_p50_ms append_p90_ms append_p99_ms append_max_ms
    extrapolated_lag_s searchable_lag_p50_s searchable_lag_max_s unsearchable_samples
    unsearchable_oldest_s
    client_p50_ms client_p90_ms client_p99_ms assembly_p50_us assembly_p90_us assembly_p99_us
    growth_p50 recording_overhead recording_overhead_p90 recording_overhead_assembly
    recording_overhead_assembly_p90 recording_client_p50_ms silent_client_p99_ms
    recording_assembly_p50_us silent_assembly_p90_us
    growth_embedded_tokens growth_llm_seconds growth_cpu_ms
    embedded_tokens_per_turn llm_tokens_per_turn llm_seconds_per_turn cpu_ms_per_turn
    first_token_added_p50_ms token_added_p99_ms
    retried violations";

/// Of these neither is.
const NEITHER: &str = "
    full_history_tokens@2000 cuts_ratio edges stale_messages characters live_pins rewritten
    turns_per_sync bytes_per_sync bare_appends_per_second bare_sync_ms
    first_token_direct_p50_ms in_flight kills_in_recovery";

#[test]
fn every_figure_is_better_the_stated_way() {
    for (names, expected) in
        [(MORE, Direction::More), (LESS, Direction::Less), (NEITHER, Direction::Neither)]
    {
        for name in names.split_whitespace() {
            assert_eq!(direction(name), expected, "{name}");
        }
    }
}

#[test]
fn parts_of_names_are_whole() {
    for name in ["pieces@8", "kept_packages", "speed", "bonus", "programs", "recency"] {
        assert_eq!(direction(name), Direction::More, "{name}");
    }
}

#[test]
fn times_rates_and_memory_are_of_the_machine() {
    for (name, expected) in [
        ("peak_memory_bytes", true),
        ("window_ms/400", true),
        ("assembly_p90_us", true),
        ("appends_per_second", true),
        ("searchable_lag_max_s", true),
        ("growth_p50", true),
        ("recording_overhead_p90", true),
        ("memory_loss", false),
        ("answered_memory_loss", false),
        ("growth_embedded_tokens", false),
        ("window_tokens", false),
        ("p_bar", false),
        ("delay_p90", false),
    ] {
        assert_eq!(is_of_machine(name), expected, "{name}");
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Reads the program's own text for the plain names of figures: what is added to
/// samples, inserted into figures, and what is a measure of a pool. Names that are put
/// together are not seen.
#[test]
fn a_new_figure_has_its_direction_stated() {
    let stated: BTreeSet<&str> =
        [MORE, LESS, NEITHER].iter().flat_map(|names| names.split_whitespace()).collect();
    // A cutoff, a budget or a distance is any.
    let stems: BTreeSet<&str> =
        stated.iter().filter_map(|name| Some(name.split_once('@')?.0)).collect();
    let named = [
        r#"\b(?:add|add_time|add_for_median|median|mean)\(\s*"([a-zA-Z0-9_@]+)""#,
        r#"\("([a-zA-Z0-9_@.]+)", Measure::"#,
        r#"(?:metrics|figures)\s*\.insert\("([a-zA-Z0-9_@]+)""#,
        r#"(?:named|figures)\.push\(\("([a-zA-Z0-9_@]+)""#,
    ];
    let named = named.map(|pattern| Regex::new(pattern).unwrap());
    let tests = Regex::new(r"#\[cfg\(test\)\]\s+(?:pub\(\w+\) )?mod tests").unwrap();
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut seen = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = tests.split(&text).next().unwrap_or_default();
        // Tests that stand in files of their own write no results.
        let name = file.file_name().unwrap().to_string_lossy();
        if name.contains("test") || name == "through_grpc.rs" {
            continue;
        }
        for found in named.iter().flat_map(|pattern| pattern.captures_iter(code)) {
            let name = &found[1];
            let known = stated.contains(name) || stems.contains(name);
            // The signals' names have the kind before them.
            let of_signals = stated.contains(format!("user_repeats_{name}").as_str());
            assert!(known || of_signals, "{}: which way is {name} better?", file.display());
            seen += 1;
        }
    }
    assert!(seen > 80, "only {seen} names are found");
}
