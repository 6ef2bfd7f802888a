//! Assembling a context window: budget, place, render. Plain functions of
//! values: no store, no clock.
//!
//! Invariants: the window never costs more than its budget by its own
//! tokenizer; a tool call stands together with its results or not at all, and one
//! that nothing answers only as a quotation, unless it is in progress;
//! what is remembered is rendered as data, with the authority of its source's
//! role.
//!
//! Order: pins │ the summary │ in a chat, excerpts that are carried through several windows │
//! recent turns, verbatim, from a start that moves only at a compaction boundary
//! │ retrieved turns, in time order │ restated pins, where asked for │ the query.
//! What changes from turn to turn stands behind what does not.

mod budget;
mod carried;
mod cost;
mod ellipsis;
mod excerpts;
mod in_full;
mod input;
mod marks;
mod middle;
mod options;
mod pins;
mod place;
mod plan;
mod prefix;
mod quote;
mod reanchor;
mod recent;
mod render;
mod summary;
mod tokens;
mod tools;
mod verbatim;
mod window;

pub use budget::MAX_CANDIDATES;
pub use carried::{Carried, MAX_CARRIED_WINDOWS};
pub use cost::{HistoryCost, ToolLinks, TurnCost, place_of, turn_cost};
pub use ellipsis::{is_elliptical, search_text};
pub use in_full::adds;
pub use input::{Pin, PinMark, Query, RetrievedTurn, SummaryUnit, TurnReader, WindowInput};
pub use marks::{Mark, Marker, Marks, marked_cost, marked_excerpt};
pub use options::{
    DEFAULT_PINNED_SHARE, DEFAULT_RECENT_SHARE, MIN_FRESH_SHARE, REANCHOR_SHARE, TemplateOverhead,
    WindowOptions,
};
pub use prefix::{PrefixPiece, unchanged_prefix_tokens};
pub use quote::clean;
pub use render::weigh;
pub use tokens::{
    CL100K_BASE, MAX_EXTRA_TOKENIZERS, MAX_TOKENIZER_BYTES, O200K_BASE, TokenCounter,
    TokenizerError, Tokenizers, UnknownTokenizer,
};
pub use tools::MAX_TOOL_SPAN;
pub use window::{AssembleError, Item, Message, Section, Window, Yielded};

/// Version of the rendering that costs count: costs of another version are
/// counted again.
pub const RENDERING_VERSION: u32 = 1;

/// Assembles a window: plans it from costs, reads what was chosen, and renders
/// it. The same input gives the same bytes.
///
/// # Errors
/// [`AssembleError::BudgetTooSmall`] if the required pins do not fit.
pub fn assemble(options: &WindowOptions, input: &WindowInput<'_>) -> Result<Window, AssembleError> {
    let mut plan = plan::Plan::new(options, input, input.carried)?;
    let mut carried = plan.read_carried(options, input);
    if carried.is_none() {
        // A carried turn has gone since it was planned: others are chosen.
        plan = plan::Plan::new(options, input, None)?;
        carried = plan.read_carried(options, input);
    }
    Ok(place::place(options, input, plan, &carried.unwrap_or_default()))
}
