//! `staleness`: does the service know which turns hold no more? One file for
//! each data set reads it, plays it to the server and scores what comes back;
//! `metrics` has the figures, `findings` the result. `explain` shows one
//! conversation to a person.
//!
//! Flow: a reader makes [`case::Case`]s, `play` brings them to a server and
//! hands each to the reader's question, `state` is what the server says of a
//! conversation, `findings` delivers.

mod ablation;
mod additive;
pub(crate) mod args;
mod case;
mod ci_tod;
mod contradictions;
mod cri;
pub(crate) mod explain;
mod findings;
pub(crate) mod metrics;
mod play;
mod profiles;
mod prosecco;
#[cfg(test)]
mod reference_rows;
mod sgd;
pub(crate) mod state;
mod statebench;
#[cfg(test)]
mod through_grpc;
mod timelines;
mod topics;
mod updates;
mod words;

use anyhow::bail;

use args::{StalenessArgs, StalenessSet};
use findings::Findings;

/// Runs the command and delivers its result.
///
/// # Errors
/// The data cannot be read, or the server does not start or answer.
pub(crate) async fn run(args: &StalenessArgs) -> anyhow::Result<()> {
    if (args.ablate || !args.without.is_empty())
        && (args.reference || args.dataset != StalenessSet::SgdUpdates)
    {
        bail!("components are left out of what a server scores on sgd_updates alone");
    }
    let findings = if args.reference { reference(args)? } else { measure(args).await? };
    findings.deliver(args)
}

async fn measure(args: &StalenessArgs) -> anyhow::Result<Findings> {
    match args.dataset {
        StalenessSet::SgdUpdates => sgd::measure(args).await,
        StalenessSet::Statebench => statebench::measure(args).await,
        StalenessSet::Longmemeval | StalenessSet::Beam => updates::measure(args).await,
        StalenessSet::Prosecco => prosecco::measure(args).await,
        StalenessSet::CiTod => ci_tod::measure(args).await,
        StalenessSet::Cri => cri::measure(args).await,
        StalenessSet::MemoryProfiles => profiles::measure(args).await,
        StalenessSet::Tiage | StalenessSet::Qmsum => topics::measure(args).await,
        StalenessSet::Additive => additive::measure(args).await,
    }
}

/// Common practice on the same items, to compare with and to check the scorer.
fn reference(args: &StalenessArgs) -> anyhow::Result<Findings> {
    match args.dataset {
        StalenessSet::SgdUpdates => sgd::reference(args),
        StalenessSet::Statebench => statebench::reference(args),
        StalenessSet::Longmemeval | StalenessSet::Beam => updates::reference(args),
        StalenessSet::CiTod => ci_tod::reference(args),
        StalenessSet::Tiage | StalenessSet::Qmsum => topics::reference(args),
        StalenessSet::Prosecco
        | StalenessSet::Cri
        | StalenessSet::MemoryProfiles
        | StalenessSet::Additive => {
            bail!("{} has no reference practice that is scored here", args.dataset.folder())
        }
    }
}
