//! Tests of the command line.

use super::*;

#[test]
fn the_definition_is_sound() {
    use clap::CommandFactory;
    Cli::command().debug_assert();
}

#[test]
fn flags_are_read_and_checked() {
    let ok = [
        "retrieval --dataset locomo --data d --method bm25-reference --limit 5",
        "retrieval --dataset longmemeval --data d --split pooled -- --threads 2",
        "context --dataset beam --data d --split 500K --budget 1000 2000 --per-session",
        "context --dataset beam --data d --budget 1000,2000 --folds 5 --fold-weights w",
        "retrieval --dataset beam --data d --folds 5 --staleness-fold-weights w",
        "context --dataset beam --data d --folds 5 --fold-weights a \
         --staleness-fold-weights b --pin-fold-weights c",
        "prefix --dataset beam --data d --folds 5 --fold-weights w",
        "retrieval --dataset longmemeval --data d --folds 5",
        "prefix --dataset beam --data d --folds 5",
        "pins --dataset beam --data d --folds 5",
        "staleness --dataset beam --data d --folds 5",
        "degradation --dataset sweep --data d --folds 5",
        "load --clients 64 --turn-bytes 1024 --seconds 30",
        "load --build-context --turns 100,5000",
        "load --build-context --recording --turns 1000 --windows 10000",
        "load --folding --data d --talks 2 -- --llm qwen2.5-1.5b-instruct",
        "crash --rounds 3 --store redb --seed 7",
        "staleness --dataset sgd_updates --data d --limit 5 --cases c.jsonl",
        "staleness --dataset beam --data d --folds 5 --fold-weights w",
        "staleness --dataset additive --reference",
        "explain conversations/x --server a:1 --as-of 7",
        "summaries --dataset dialogsum --data d --models-dir m --changes 0",
        "summaries --dataset summedits --data d --models-dir m --folds 5 --fold-weights w",
        "summaries --dataset beam --data d --models-dir m --model qwen2.5-1.5b-instruct",
        "summaries --dataset beam --data d --models-dir m --model m --model-url http://h/v1",
        "summaries --dataset dialogsum --data d --models-dir m --dump f --dump-count 50",
        "labels --input f",
        "pins --dataset beam --data d --folds 5 --fold-weights w",
        "pins --dataset beam --data d --folds 5 --fold-weights w --ranking-fold-weights r",
        "staleness --dataset beam --data d --folds 5 --fold-weights w --ranking-fold-weights r",
        "pins --dataset prefeval --data d --distance 0,8,28,96",
        "degradation --dataset sweep --data d --distance 0,8 --strategy last_n,vector",
        "degradation --dataset lost_in_conversation --data d --split gsm8k_sharded --gap 5",
        "degradation --dataset signals --data d --limit 5",
        "degradation --dataset change_point --limit 5 --seed 2",
        "degradation --dataset devmembench --data d --reader http://h/v1",
        "retrieval --dataset devmembench --data d --method bm25-reference",
        "degradation --dataset locomo --data d --rival a --rival b --traced 0 --fresh",
        "degradation --dataset sweep --data d --reader http://h/v1 --judge u --judge-model m",
        "degradation --dataset sweep --data d --judge u --judge-model m --judge-key-file k",
        "degradation --dataset sweep --data d --summary-by reader --reader local",
        "degradation --dataset beam --data d --folds 5 --fold-weights w --pin-fold-weights p",
    ];
    let wrong = [
        "pins --dataset beam --data d --ranking-fold-weights w",
        "retrieval --dataset beam --data d --folds 5 --server a:1",
        "context --dataset beam --data d --folds 1 --fold-weights w",
        "retrieval --dataset nope --data d",
        "retrieval --dataset locomo --data d --server a:1 --throughline t",
        "crash --store rocks",
        "staleness --dataset prosecco --data d --folds 5 --fold-weights w --server a:1",
        "explain --as-of 7",
        "summaries --dataset sgd --data d --models-dir m",
        "summaries --dataset beam --data d --models-dir m --folds 5",
        "summaries --dataset beam --data d --models-dir m --model m --model-key-file k",
        "load --clients 0",
        "load --recording",
        "load --folding --build-context",
        "degradation --dataset qmsum --data d",
        "degradation --dataset sweep --data d --judge-key-file k",
        "degradation --dataset sweep --data d --summary-key-file k",
        "degradation --dataset sweep --data d --folds 5 --fold-weights w --server a:1",
    ];
    for (lines, expected) in [(&ok[..], true), (&wrong[..], false)] {
        for line in lines {
            let words = std::iter::once("throughline-eval").chain(line.split(' '));
            assert_eq!(Cli::try_parse_from(words).is_ok(), expected, "{line}");
        }
    }
}
