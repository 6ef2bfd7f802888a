//! `explain`: a conversation for a person to read, each turn with its staleness
//! as a heat bar, what it is made of and why, and the edges. In colour where
//! standard output is a terminal.

use std::{collections::BTreeMap, fmt::Write as _, io::IsTerminal as _};

use anyhow::Context as _;
use throughline_proto::v1::{
    Edge, EdgeKind, GetStalenessRequest, GetStalenessResponse, ListTurnsRequest, Role,
    StalenessKind, Turn, TurnStaleness, part::Content,
};

use super::args::ExplainArgs;
use crate::{
    client::{Api, retry},
    report,
};

/// Cells of a bar.
const BAR: usize = 10;
/// Characters of a turn that are shown.
const TEXT_CHARS: usize = 100;
/// Turns of a page.
const PAGE: i32 = 1000;
/// Colours from fresh to stale, of the 256-colour palette.
const HEAT: [u8; 5] = [34, 112, 220, 208, 196];

/// Runs the command.
///
/// # Errors
/// The server does not answer, or has no such conversation.
pub(crate) async fn run(args: &ExplainArgs) -> anyhow::Result<()> {
    let api = Api::connect(&args.server, args.api_key.as_deref()).await?;
    let name = match args.conversation.strip_prefix("conversations/") {
        Some(_) => args.conversation.clone(),
        None => format!("conversations/{}", args.conversation),
    };
    let as_of = args.as_of.unwrap_or(0);
    let mut turns = turns(&api, &name).await?;
    if as_of > 0 {
        turns.retain(|turn| turn.sequence <= as_of);
    }
    let staleness = staleness(&api, &name, as_of).await?;
    let colour = std::io::stdout().is_terminal();
    report::print(&render(&name, as_of, &turns, &staleness, colour));
    Ok(())
}

async fn turns(api: &Api, name: &str) -> anyhow::Result<Vec<Turn>> {
    let mut turns = Vec::new();
    let mut page_token = String::new();
    loop {
        let call = async || {
            let request = ListTurnsRequest {
                conversation: name.to_owned(),
                page_size: PAGE,
                page_token: page_token.clone(),
                ..ListTurnsRequest::default()
            };
            api.conversations.clone().list_turns(request).await
        };
        let page = retry("ListTurns", call).await?.into_inner();
        turns.extend(page.turns);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(turns);
        }
    }
}

/// All pages as one.
async fn staleness(api: &Api, name: &str, as_of: u64) -> anyhow::Result<GetStalenessResponse> {
    let mut whole: Option<GetStalenessResponse> = None;
    let mut page_token = String::new();
    loop {
        let call = async || {
            let request = GetStalenessRequest {
                conversation: name.to_owned(),
                as_of_turn: as_of,
                page_size: PAGE,
                page_token: page_token.clone(),
                ..GetStalenessRequest::default()
            };
            api.memory.clone().get_staleness(request).await
        };
        let page = retry("GetStaleness", call).await?.into_inner();
        page_token.clone_from(&page.next_page_token);
        match &mut whole {
            None => whole = Some(page),
            Some(whole) => {
                whole.turns.extend(page.turns);
                for edge in page.edges {
                    if !whole.edges.contains(&edge) {
                        whole.edges.push(edge);
                    }
                }
            }
        }
        if page_token.is_empty() {
            return whole.context("GetStaleness gave no page");
        }
    }
}

fn render(
    name: &str,
    as_of: u64,
    turns: &[Turn],
    staleness: &GetStalenessResponse,
    colour: bool,
) -> String {
    let by_name: BTreeMap<&str, &TurnStaleness> =
        staleness.turns.iter().map(|turn| (turn.turn.as_str(), turn)).collect();
    let mut out = format!("{name}, {} turns", turns.len());
    if as_of > 0 {
        let _ = write!(out, " as of turn {as_of}");
    }
    let _ = writeln!(out, ", by {}", staleness.scorer);
    if staleness.unscored_turns > 0 {
        let _ = writeln!(out, "{} turns are not scored yet", staleness.unscored_turns);
    }
    for turn in turns {
        let opens = staleness.segments.iter().find(|s| s.first_sequence == turn.sequence);
        if let Some(segment) = opens.filter(|segment| segment.first_sequence > 1) {
            let _ = writeln!(out, "      ── topic ({:.2})", segment.confidence);
        }
        let judged = by_name.get(turn.name.as_str());
        let score = judged.map_or(0.0, |judged| judged.score);
        let role = match turn.role() {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::System => "system",
            Role::Tool => "tool",
            Role::Unspecified => "",
        };
        let _ = writeln!(
            out,
            "{:>5} {} {score:.2} {role:<9} {}",
            turn.sequence,
            bar(score, colour),
            text(turn)
        );
        for component in judged.into_iter().flat_map(|judged| &judged.components) {
            let cause = component.cause.rsplit_once("/turns/").map(|(_, sequence)| sequence);
            let cause = cause.map(|sequence| format!(" by turn {sequence}")).unwrap_or_default();
            let kind = kind(component.kind());
            let reason = &component.reason;
            let _ = writeln!(out, "{:>17} {:.2} {kind}{cause}: {reason}", "", component.score);
        }
    }
    if !staleness.edges.is_empty() {
        out.push_str("\nedges\n");
    }
    for edge in &staleness.edges {
        out.push_str(&edge_line(edge));
    }
    out.trim_end().to_owned()
}

fn edge_line(edge: &Edge) -> String {
    let place = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let verb = match edge.kind() {
        EdgeKind::Supersedes => "supersedes",
        EdgeKind::Contradicts => "contradicts",
        EdgeKind::Unspecified => "bears on",
    };
    let (later, earlier) = (place(&edge.later), place(&edge.earlier));
    format!("{later:>5} {verb} {earlier} ({:.2}): {}\n", edge.confidence, edge.reason)
}

fn kind(kind: StalenessKind) -> &'static str {
    match kind {
        StalenessKind::Superseded => "superseded",
        StalenessKind::Contradicted => "contradicted",
        StalenessKind::Expired => "expired",
        StalenessKind::Abandoned => "abandoned",
        StalenessKind::Decayed => "decayed",
        StalenessKind::Unspecified => "stale",
    }
}

/// A bar that fills with the score.
fn bar(score: f32, colour: bool) -> String {
    let share = f64::from(score).clamp(0.0, 1.0);
    let full = (share * BAR as f64).round() as usize;
    let bar = format!("{}{}", "█".repeat(full), "·".repeat(BAR - full.min(BAR)));
    let heat = HEAT.get((share * HEAT.len() as f64) as usize).or(HEAT.last());
    match heat {
        Some(heat) if colour => format!("\u{1b}[38;5;{heat}m{bar}\u{1b}[0m"),
        _ => bar,
    }
}

/// The beginning of what a turn says, on one line.
fn text(turn: &Turn) -> String {
    let texts = turn.parts.iter().filter_map(|part| match &part.content {
        Some(Content::Text(text)) => Some(text.as_str()),
        _ => None,
    });
    let words = texts.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
    // What a terminal would obey is not shown to it.
    let mut shown: String = words.chars().filter(|c| !c.is_control()).take(TEXT_CHARS).collect();
    if shown.len() < words.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use throughline_proto::v1::{Part, StalenessComponent, TopicSegment};

    #[test]
    fn a_conversation_reads_top_to_bottom() {
        let name = |sequence: u64| format!("conversations/c/turns/{sequence}");
        let turn = |sequence, role: Role, text: &str| Turn {
            name: name(sequence),
            sequence,
            role: role as i32,
            parts: vec![Part { content: Some(Content::Text(text.to_owned())) }],
            ..Turn::default()
        };
        let turns =
            [turn(1, Role::User, "The Hilton.\u{1b}[2J"), turn(2, Role::User, "No, the Marriott")];
        let component = StalenessComponent {
            kind: StalenessKind::Superseded as i32,
            score: 0.9,
            reason: "Hilton -> Marriott".into(),
            cause: name(2),
        };
        let staleness = GetStalenessResponse {
            turns: vec![TurnStaleness { turn: name(1), score: 0.9, components: vec![component] }],
            edges: vec![Edge {
                kind: EdgeKind::Supersedes as i32,
                earlier: name(1),
                later: name(2),
                confidence: 0.9,
                reason: "Hilton -> Marriott".into(),
                ..Edge::default()
            }],
            segments: vec![TopicSegment { first_sequence: 2, last_sequence: 2, confidence: 0.6 }],
            scorer: "s1".into(),
            ..GetStalenessResponse::default()
        };
        let got = render("conversations/c", 2, &turns, &staleness, false);
        let expected = "conversations/c, 2 turns as of turn 2, by s1
    1 █████████· 0.90 user      The Hilton.[2J…
                  0.90 superseded by turn 2: Hilton -> Marriott
      ── topic (0.60)
    2 ·········· 0.00 user      No, the Marriott

edges
    2 supersedes 1 (0.90): Hilton -> Marriott";
        assert_eq!(got, expected);
        assert!(bar(0.9, true).starts_with("\u{1b}[38;5;196m"));
        assert_eq!(bar(1.5, false), "█".repeat(BAR));
    }
}
