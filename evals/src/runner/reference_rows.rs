//! The readers and the scorer against the READMEs' reference rows: BM25 as
//! they define it must give their figures, digit for digit. Runs where the
//! data is: `THROUGHLINE_EVAL_DATA`, or `../shared/data` beside the
//! repository; says so and passes elsewhere.

use std::path::PathBuf;

use crate::{
    cli::Method,
    dataset::{Dataset, DatasetName},
    metrics::{Figures, Samples, bootstrap::Bootstrap},
};

use super::{asking::collect, retrieval::answer_here};

/// The folder of the data sets, where there is one.
pub(crate) fn data() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let further = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let named = std::env::var_os("THROUGHLINE_EVAL_DATA").map(PathBuf::from);
    named.into_iter().chain([beside, further]).find(|path| path.is_dir())
}

/// Group (`""` for all), questions, and figures in per cent with one digit.
type Row<'a> = (&'a str, usize, &'a [(&'a str, f64)]);

fn check(name: DatasetName, split: &str, rows: &[Row<'_>]) {
    let Some(data) = data().filter(|data| data.join(name.folder()).is_dir()) else {
        eprintln!("skipped: no {} data; set THROUGHLINE_EVAL_DATA to check", name.folder());
        return;
    };
    let dataset = Dataset::read(name, &data, Some(split)).unwrap();
    let mut samples = Samples::default();
    collect(answer_here(&dataset, Method::Bm25Reference), &mut samples);
    let values_only = Bootstrap { seed: 1, resamples: 0 };
    let all = samples.figures(values_only, |_| true);
    let groups = samples.breakdown(values_only, dataset.scoring.left_out);
    for &(group, n, expected) in rows {
        let figures: &Figures = if group.is_empty() { &all } else { &groups[group] };
        for &(metric, per_cent) in expected {
            let figure = figures[metric];
            let got = (figure.value * 1000.0).round() / 10.0;
            assert_eq!((got, figure.n), (per_cent, n), "{split} {group} {metric}");
        }
    }
}

#[test]
fn locomo() {
    let row = |values: [f64; 5]| {
        let names = ["recall@1", "recall@5", "recall@10", "recall@25", "recall@50"];
        std::iter::zip(names, values).collect::<Vec<_>>()
    };
    check(
        DatasetName::Locomo,
        "locomo",
        &[
            ("single-hop", 504, &row([31.2, 54.5, 62.7, 72.0, 78.9])),
            ("multi-hop", 167, &row([5.1, 14.4, 22.2, 32.5, 41.9])),
            ("temporal", 186, &row([28.7, 54.6, 63.5, 72.7, 79.1])),
            ("open-domain", 59, &row([7.6, 14.2, 23.8, 30.6, 36.3])),
            ("adversarial", 270, &row([29.8, 54.1, 63.0, 71.1, 78.7])),
            ("all but adversarial", 916, &row([24.4, 44.6, 53.0, 62.3, 69.4])),
            ("", 1186, &row([25.6, 46.8, 55.2, 64.3, 71.5])),
            ("", 1186, &[("any@1", 27.9), ("any@5", 50.7), ("any@10", 60.0), ("mrr", 38.7)]),
        ],
    );
}

#[test]
fn longmemeval_48() {
    check(
        DatasetName::Longmemeval,
        "48",
        &[
            (
                "",
                234,
                &[
                    ("any@1", 55.1),
                    ("any@5", 80.3),
                    ("any@10", 86.3),
                    ("any@20", 91.0),
                    ("any@50", 95.3),
                    ("recall@1", 37.5),
                    ("recall@5", 67.5),
                    ("recall@10", 78.7),
                    ("recall@20", 84.6),
                    ("recall@50", 90.7),
                    ("session_user_any@1", 83.3),
                    ("session_user_any@5", 94.0),
                    ("session_user_all@5", 84.2),
                    ("session_user_ndcg@5", 86.5),
                    ("session_user_any@10", 96.6),
                    ("session_user_all@10", 88.9),
                    ("session_user_ndcg@10", 87.9),
                    ("session_any@1", 83.3),
                    ("session_any@5", 96.2),
                    ("session_all@5", 85.0),
                    ("session_ndcg@5", 87.9),
                    ("session_any@10", 98.7),
                    ("session_all@10", 90.6),
                    ("session_ndcg@10", 89.2),
                ],
            ),
            ("", 36, &[("session_user_later_above_earlier", 36.1), ("later_above_earlier", 47.2)]),
        ],
    );
}

#[test]
fn longmemeval_pooled() {
    check(
        DatasetName::Longmemeval,
        "pooled",
        &[
            (
                "",
                234,
                &[
                    ("session_user_any@1", 66.7),
                    ("session_user_any@5", 82.9),
                    ("session_user_all@5", 66.2),
                    ("session_user_ndcg@5", 68.4),
                    ("session_user_any@10", 88.5),
                    ("session_user_all@10", 75.2),
                    ("session_user_ndcg@10", 71.3),
                    ("session_any@1", 64.5),
                    ("session_any@5", 82.1),
                    ("session_all@5", 65.4),
                    ("session_ndcg@5", 66.0),
                    ("session_any@10", 88.5),
                    ("session_all@10", 74.4),
                    ("session_ndcg@10", 69.0),
                ],
            ),
            ("", 36, &[("session_user_later_above_earlier", 38.9), ("later_above_earlier", 44.4)]),
            ("multi-session", 60, &[("session_user_any@5", 86.7), ("session_user_all@5", 46.7)]),
            ("single-session-preference", 15, &[("session_user_any@5", 40.0)]),
        ],
    );
}

#[test]
fn beam_with_its_markers_stripped() {
    check(
        DatasetName::Beam,
        "100K",
        &[
            ("", 230, &[("recall@5", 35.8), ("recall@10", 44.0), ("recall@20", 49.9)]),
            ("contradiction_resolution", 26, &[("both_sides@10", 57.7)]),
        ],
    );
    check(
        DatasetName::Beam,
        "500K",
        &[
            ("", 107, &[("recall@5", 27.1), ("recall@10", 35.7), ("recall@20", 45.0)]),
            ("contradiction_resolution", 12, &[("both_sides@10", 33.3)]),
            ("knowledge_update", 11, &[("updated_above_original", 36.4), ("updated@10", 81.8)]),
        ],
    );
}

#[test]
fn structflow_recall_links() {
    // 16 of 21.
    check(DatasetName::Structflow, "conversations", &[("", 21, &[("link_first", 76.2)])]);
}

#[test]
fn qmsum_spans() {
    for (split, n, any, precision) in [
        ("val", 237, [76.8, 91.1, 96.6], [19.4, 15.8, 13.3]),
        ("test_part", 124, [79.0, 89.5, 96.8], [19.4, 14.7, 11.8]),
    ] {
        let names = ["any@10", "any@25", "any@50", "precision@10", "precision@25", "precision@50"];
        let row: Vec<_> = names.into_iter().zip(any.into_iter().chain(precision)).collect();
        check(DatasetName::Qmsum, split, &[("", n, &row)]);
    }
}

#[test]
fn devmembench_sessions() {
    // 86 and 70 of 87; of the updates with several sessions 6 of 7.
    let all = [("session_any@5", 98.9), ("session_all@5", 80.5)];
    check(
        DatasetName::Devmembench,
        "questions",
        &[
            ("", 87, &all),
            ("cross-session-synthesis", 13, &[("session_all@5", 7.7)]),
            ("knowledge-update", 7, &[("later_above_earlier", 85.7)]),
        ],
    );
}
