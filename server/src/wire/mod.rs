//! Between the protocol and the domain: checks what comes in, renders what goes
//! out. Plain functions of values; no engine, no I/O.
//!
//! Invariants: every field that cannot be taken is reported, not only the
//! first ([`Violations`]); the parts and the metadata of a turn are byte-equal
//! both ways.

mod conversation;
mod fact;
mod fact_fields;
mod mask;
mod metadata;
mod name;
mod options;
mod page;
mod part;
mod search;
mod staleness;
mod summary;
mod time;
mod turn;
mod violations;
mod window;

pub use conversation::{conversation_patch, conversation_to_proto, new_conversation};
pub use fact::{cause_to_proto, fact_patch, fact_to_proto, imported_fact, new_fact};
pub use name::{
    conversation_name, fact_name, new_id, parse_cause, parse_conversation, parse_fact, parse_turn,
    turn_name,
};
pub use options::{ContextFields, context_request};
pub use page::{DEFAULT_PAGE_SIZE, MAX_PAGE_BYTES, page_size, whole_prefix};
pub use search::{hit_to_proto, search_method, search_scope, shortfall_to_proto, turn_filter};
pub use staleness::{
    edge_to_proto, staleness_request, staleness_to_proto, topic_to_proto, watch_to_proto,
};
pub use summary::{summary_to_proto, summary_view};
pub use time::{timestamp_from_proto, timestamp_to_proto};
pub use turn::{imported_turn, new_turn, turn_to_proto};
pub use violations::Violations;
pub use window::{Asked, window_to_proto};
