//! Summaries.

use throughline_memory::{
    engine::{ShownSummary, SummaryView},
    summary::{RejectedSentence, SummarySentence},
};

use super::{Violations, timestamp_to_proto};
use crate::pb;

/// Which summaries are asked for.
pub fn summary_view(wanted: i32, violations: &mut Violations) -> Option<SummaryView> {
    match pb::SummaryView::try_from(wanted) {
        Ok(pb::SummaryView::Unspecified | pb::SummaryView::Rolling) => Some(SummaryView::Rolling),
        Ok(pb::SummaryView::Segments) => Some(SummaryView::Segments),
        Err(_) => {
            violations.add("view", format!("{wanted} is not known here"));
            None
        }
    }
}

/// A summary as it is shown.
pub fn summary_to_proto(shown: &ShownSummary) -> pb::Summary {
    let ShownSummary { summary, stale } = shown;
    pb::Summary {
        from_sequence: summary.from,
        until_sequence: summary.until,
        level: summary.level.into(),
        sentences: summary.sentences.iter().map(sentence_to_proto).collect(),
        rejected: summary.rejected.iter().map(rejected_to_proto).collect(),
        faithfulness: summary.faithfulness(),
        model: summary.model.clone(),
        prompt_version: summary.prompt_version,
        stale: *stale,
        create_time: Some(timestamp_to_proto(summary.made_at)),
        from_say_time: Some(timestamp_to_proto(summary.first_said)),
        until_say_time: Some(timestamp_to_proto(summary.last_said)),
        judged_by: summary.judged_by.clone().unwrap_or_default(),
    }
}

fn sentence_to_proto(sentence: &SummarySentence) -> pb::SummarySentence {
    pb::SummarySentence {
        text: sentence.text.clone(),
        source_sequences: sentence.sources.clone(),
        faithfulness: sentence.faithfulness,
        verbatim: sentence.verbatim,
    }
}

fn rejected_to_proto(rejected: &RejectedSentence) -> pb::RejectedSentence {
    pb::RejectedSentence { text: rejected.text.clone(), reason: rejected.reason.clone() }
}
