//! What was measured of a conversation, on the way out.

use throughline_memory::{
    degradation::{
        Action, Evidence, Health, HealthReason, Probed, Signal, TurnSignals, WindowSignals,
    },
    engine::TurnDegradation,
    turn::{ConversationId, Sequence},
};

use super::{
    name::{fact_name, turn_name},
    outcome::outcome_to_proto,
    time::timestamp_to_proto,
    turn::role_to_proto,
};
use crate::pb;

/// Renders what is known of a turn.
pub fn degradation_to_proto(
    conversation: &ConversationId,
    sequence: Sequence,
    known: &TurnDegradation,
) -> pb::TurnDegradation {
    let signals = known.signals.as_ref();
    let outcomes = known.outcomes.iter().map(|outcome| outcome_to_proto(conversation, outcome));
    pb::TurnDegradation {
        turn: turn_name(conversation, sequence),
        role: signals.map(|signals| role_to_proto(signals.role)).unwrap_or_default().into(),
        history_tokens: signals.map_or(0, |signals| signals.history_tokens),
        stale_history_share: signals.and_then(|signals| signals.stale_share),
        signals: signals.map(|one| signals_to_proto(conversation, one)).unwrap_or_default(),
        windows: known.windows.iter().map(window_to_proto).collect(),
        outcomes: outcomes.collect(),
        probes: known
            .probes
            .iter()
            .map(|probed| probe_to_proto(conversation, sequence, *probed))
            .collect(),
    }
}

fn probe_to_proto(conversation: &ConversationId, at: Sequence, probed: Probed) -> pb::LiveProbe {
    pb::LiveProbe {
        turn: turn_name(conversation, probed.source),
        distance: at.saturating_sub(probed.source),
        recalled: probed.recalled,
    }
}

fn signals_to_proto(conversation: &ConversationId, signals: &TurnSignals) -> Vec<pb::TurnSignal> {
    let measured = signals.named().into_iter().filter(|(_, signal)| signal.value().is_some());
    measured.map(|(name, signal)| signal_to_proto(conversation, name, signal)).collect()
}

fn signal_to_proto(conversation: &ConversationId, name: &str, signal: &Signal) -> pb::TurnSignal {
    let finding = signal.finding();
    let evidence = finding.map(|finding| match &finding.evidence {
        Evidence::Turn => String::new(),
        Evidence::Earlier(sequence) => turn_name(conversation, *sequence),
        Evidence::Pin(fact) => fact_name(conversation, fact),
    });
    let kind = match name {
        "user_repeats" => pb::TurnSignalKind::UserRepeats,
        "user_corrects" => pb::TurnSignalKind::UserCorrects,
        "assistant_reasks" => pb::TurnSignalKind::AssistantReasks,
        "assistant_contradicts" => pb::TurnSignalKind::AssistantContradicts,
        "instruction_broken" => pb::TurnSignalKind::InstructionBroken,
        _ => pb::TurnSignalKind::Unspecified,
    };
    pb::TurnSignal {
        kind: kind.into(),
        present: finding.is_some(),
        confidence: finding.map_or(0.0, |finding| finding.confidence),
        reason: finding.map(|finding| finding.reason.as_str().to_owned()).unwrap_or_default(),
        evidence: evidence.unwrap_or_default(),
    }
}

fn window_to_proto(window: &WindowSignals) -> pb::WindowDegradation {
    pb::WindowDegradation {
        build_time: Some(timestamp_to_proto(window.built_at)),
        in_chat: window.in_chat,
        as_of: window.as_of,
        token_budget: window.budget,
        total_tokens: window.tokens,
        fill: window.fill(),
        full_history_tokens: window.history_tokens,
        saved_tokens: window.saved_tokens(),
        stale_share: window.stale_share,
        middle_share: window.middle_share,
        distractor_density: window.distractor_density,
        pin_coverage: window.pin_coverage,
        retrieval_margin: window.retrieval_margin,
        evidence_distance: window.evidence_distance,
        cached_prefix_share: window.cached_prefix_share,
        superseded_dropped: window.superseded_dropped,
        summary_age_turns: window.summary_age,
        assembly_micros: window.latency_micros,
        reanchored: window.reanchored,
    }
}

/// Renders the health of a conversation.
pub fn health_to_proto(conversation: &ConversationId, health: &Health) -> pb::Health {
    let action = match health.action {
        Action::None => pb::HealthAction::None,
        Action::Reanchor => pb::HealthAction::Reanchor,
        Action::Compact => pb::HealthAction::Compact,
        Action::Reset => pb::HealthAction::Reset,
    };
    let reason = |reason: &HealthReason| pb::HealthReason {
        signal: reason.signal.to_owned(),
        turn: turn_name(conversation, reason.turn),
        weight: reason.weight,
        reason: reason.reason.to_owned(),
    };
    pb::Health {
        score: health.score,
        action: action.into(),
        reasons: health.reasons.iter().map(reason).collect(),
        as_of_sequence: health.as_of,
    }
}
