//! Between the protocol and the domain: checks what comes in, renders what goes
//! out. Plain functions of values; no engine, no I/O.
//!
//! Invariants: every field that cannot be taken is reported, not only the
//! first ([`Violations`]); the parts and the metadata of a turn are byte-equal
//! both ways.

mod cohort;
mod conversation;
mod degradation;
mod fact;
mod fact_fields;
mod item;
mod mask;
mod metadata;
mod name;
mod options;
mod outcome;
mod page;
mod part;
mod rejected_edge;
mod search;
mod staleness;
mod summary;
mod time;
mod turn;
mod usage;
mod violations;
mod window;

pub use cohort::{cohort_comparison_to_proto, cohort_request, cohort_to_proto};
pub use conversation::{conversation_patch, conversation_to_proto, new_conversation};
pub use degradation::{degradation_to_proto, health_to_proto};
pub(crate) use metadata::encode as encode_metadata;

pub use fact::{cause_to_proto, fact_patch, fact_to_proto, imported_fact, new_fact};
pub use item::{
    item_filter, item_hit_to_proto, item_name, item_to_proto, max_depth, namespace,
    namespace_conditions, namespace_prefix, namespaces_beside, new_item, skip,
};
pub use name::{
    conversation_name, fact_name, new_id, parse_cause, parse_conversation, parse_fact, parse_turn,
    turn_name,
};
pub use options::{ContextFields, context_request};
pub use outcome::{imported_outcome, new_outcome, outcome_to_proto};
pub use page::{DEFAULT_PAGE_SIZE, MAX_PAGE_BYTES, page_size, whole_prefix};
pub use rejected_edge::{imported_rejected_edge, rejected_edge_to_proto};
pub use search::{hit_to_proto, search_method, search_scope, shortfall_to_proto, turn_filter};
pub use staleness::{
    edge_kind, edge_kind_to_proto, edge_to_proto, staleness_request, staleness_to_proto,
    topic_to_proto, watch_to_proto,
};
pub use summary::{summary_to_proto, summary_view};
pub use time::{timestamp_from_proto, timestamp_to_proto};
pub use turn::{imported_turn, new_turn, turn_to_proto};
pub use usage::{UsageSpan, usage_span, usage_to_proto};
pub use violations::Violations;
pub use window::{Asked, handover_to_proto, window_to_proto};
