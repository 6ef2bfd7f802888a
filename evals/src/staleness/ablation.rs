//! What each component of a score brings: the score of a turn put together again
//! without it, from what the server says of its components.
//!
//! Invariant: scores are joined by the service's own function
//! ([`Staleness::joint`]); a server that joins them in another way is refused.

use anyhow::bail;
use clap::ValueEnum;
use serde::Serialize;
use throughline_memory::staleness::{Staleness, StalenessKind};
use throughline_proto::v1 as wire;

use super::state::{Component, Judged};

/// A component that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Part {
    /// A later turn replaced it.
    Superseded,
    /// Another turn says otherwise.
    Contradicted,
    /// Its time has passed.
    Expired,
    /// Its topic was left.
    Abandoned,
    /// It was not used or mentioned for long.
    Decayed,
}

impl Part {
    /// All of them, in the order of the protocol.
    pub(crate) const ALL: [Self; 5] =
        [Self::Superseded, Self::Contradicted, Self::Expired, Self::Abandoned, Self::Decayed];

    /// The row of the breakdown that leaves it out.
    pub(crate) fn row(self) -> &'static str {
        match self {
            Self::Superseded => "without superseded",
            Self::Contradicted => "without contradicted",
            Self::Expired => "without expired",
            Self::Abandoned => "without abandoned",
            Self::Decayed => "without decayed",
        }
    }

    fn kind(self) -> StalenessKind {
        match self {
            Self::Superseded => StalenessKind::Superseded,
            Self::Contradicted => StalenessKind::Contradicted,
            Self::Expired => StalenessKind::Expired,
            Self::Abandoned => StalenessKind::Abandoned,
            Self::Decayed => StalenessKind::Decayed,
        }
    }

    fn of(component: &Component) -> anyhow::Result<Self> {
        Ok(match component.kind {
            wire::StalenessKind::Superseded => Self::Superseded,
            wire::StalenessKind::Contradicted => Self::Contradicted,
            wire::StalenessKind::Expired => Self::Expired,
            wire::StalenessKind::Abandoned => Self::Abandoned,
            wire::StalenessKind::Decayed => Self::Decayed,
            wire::StalenessKind::Unspecified => {
                bail!("the server has a component that this program does not know")
            }
        })
    }
}

/// Largest difference between a score as it was served and as it is put together
/// here: the wire carries single precision.
const ROUNDING: f64 = 1e-4;

/// The score of a turn without some components; as it was served without none.
///
/// # Errors
/// The server joins components by another rule than this program, or has other ones.
pub(crate) fn score_without(judged: &Judged, without: &[Part]) -> anyhow::Result<f64> {
    if without.is_empty() {
        return Ok(judged.score);
    }
    let parts = judged.components.iter().map(|one| Ok((Part::of(one)?, one.score as f32)));
    let parts: Vec<(Part, f32)> = parts.collect::<anyhow::Result<_>>()?;
    let joint = |left_out: &[Part]| {
        let left = parts.iter().filter(|(part, _)| !left_out.contains(part));
        f64::from(Staleness::joint(left.map(|(part, score)| (part.kind(), *score))))
    };
    let whole = joint(&[]);
    if (whole - judged.score).abs() > ROUNDING {
        bail!("the server gives {} for components that are joined to {whole} here", judged.score);
    }
    Ok(joint(without))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(score: f64, components: &[(wire::StalenessKind, f64)]) -> Judged {
        let component = |&(kind, score): &(wire::StalenessKind, f64)| Component {
            kind,
            score,
            cause: None,
            reason: String::new(),
        };
        Judged { score, components: components.iter().map(component).collect() }
    }

    #[test]
    fn a_score_is_put_together_again_without_a_component() {
        use wire::StalenessKind::{Decayed, Expired, Superseded};
        let turn = judged(0.901, &[(Superseded, 0.8), (Decayed, 1.0), (Expired, 0.5)]);
        for (without, expected) in [
            (&[][..], 0.901),
            (&[Part::Superseded], 0.505),
            (&[Part::Expired], 0.802),
            (&[Part::Contradicted], 0.901),
            (&[Part::Superseded, Part::Expired], 0.01),
            (&Part::ALL, 0.0),
        ] {
            let score = score_without(&turn, without).unwrap();
            assert!((score - expected).abs() < 1e-6, "{without:?}: {score}");
        }
    }

    #[test]
    fn another_rule_or_another_component_is_refused() {
        let other = judged(0.8, &[(wire::StalenessKind::Superseded, 0.9)]);
        let error = score_without(&other, &[Part::Decayed]).unwrap_err();
        assert!(error.to_string().contains("0.8"), "{error}");
        let unknown = judged(0.0, &[(wire::StalenessKind::Unspecified, 0.9)]);
        assert!(score_without(&unknown, &[Part::Decayed]).is_err());
    }
}
