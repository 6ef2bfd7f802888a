//! A named maximum on everything, in one place. `GetServerInfo` reports them
//! under these names, and so does each error that one causes.

/// Limits in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all parts of a turn.
    pub turn_bytes: u64,
    /// Parts of a turn.
    pub parts_per_turn: u64,
    /// Bytes of a turn's metadata.
    pub metadata_bytes: u64,
    /// Turns of one append.
    pub turns_per_append: u64,
    /// Turns of one conversation.
    pub turns_per_conversation: u64,
    /// Bytes of a speaker's name, a tool's name, a call id and a media type.
    pub name_bytes: u64,
    /// Bytes of a client turn id or request id.
    pub request_id_bytes: u64,
    /// Bytes of a user id.
    pub user_id_bytes: u64,
    /// Bytes of a title.
    pub title_bytes: u64,
    /// Labels of a conversation.
    pub labels: u64,
    /// Bytes of a label's key.
    pub label_key_bytes: u64,
    /// Bytes of a label's value.
    pub label_value_bytes: u64,
    /// Bytes of a fact's text.
    pub fact_bytes: u64,
    /// Bytes of a fact's subject, attribute and scope.
    pub fact_field_bytes: u64,
    /// Bytes of a fact's value.
    pub fact_value_bytes: u64,
    /// Facts that one stands on.
    pub fact_dependencies: u64,
    /// Facts of one conversation.
    pub facts_per_conversation: u64,
    /// Bytes of a query. A longer last user turn is searched for by its head.
    pub query_bytes: u64,
    /// Items of a page.
    pub page_size: u64,
    /// Conversations that the search of a user looks at, newest first.
    pub conversations_per_user_search: u64,
    /// Length of the chain of forks.
    pub fork_depth: u64,
    /// Appended turns in the outbox, without those of a rebuild; beyond it appends
    /// are OVERLOADED.
    pub outbox_turns: u64,
    /// Largest token budget of a window.
    pub token_budget: u64,
    /// Conversations watched at the same time.
    pub watches: u64,
    /// Cohorts measured at the same time.
    pub cohort_scans: u64,
    /// Bytes of an item's value.
    pub item_bytes: u64,
    /// Bytes of an item's key.
    pub item_key_bytes: u64,
    /// Bytes of all labels of a namespace.
    pub item_namespace_bytes: u64,
    /// Items of one namespace, without those below it.
    pub items_per_namespace: u64,
    /// Items that a search looks at.
    pub items_per_search: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            turn_bytes: 1 << 20,
            parts_per_turn: 256,
            metadata_bytes: 16 << 10,
            turns_per_append: 1_000,
            turns_per_conversation: 1_000_000,
            name_bytes: 256,
            request_id_bytes: 128,
            user_id_bytes: 256,
            title_bytes: 1_024,
            labels: 64,
            label_key_bytes: 128,
            label_value_bytes: 1_024,
            fact_bytes: 3_072,
            fact_field_bytes: 256,
            fact_value_bytes: 1_024,
            fact_dependencies: 16,
            facts_per_conversation: 10_000,
            query_bytes: 8 << 10,
            page_size: 1_000,
            conversations_per_user_search: 1_000,
            fork_depth: 64,
            outbox_turns: 1_000_000,
            token_budget: 2_000_000,
            watches: 1_000,
            cohort_scans: 4,
            item_bytes: 256 << 10,
            item_key_bytes: 256,
            item_namespace_bytes: 512,
            items_per_namespace: 100_000,
            items_per_search: 10_000,
        }
    }
}

impl Limits {
    /// Every limit by its name.
    pub fn named(&self) -> [(&'static str, u64); 30] {
        [
            ("turn_bytes", self.turn_bytes),
            ("parts_per_turn", self.parts_per_turn),
            ("metadata_bytes", self.metadata_bytes),
            ("turns_per_append", self.turns_per_append),
            ("turns_per_conversation", self.turns_per_conversation),
            ("name_bytes", self.name_bytes),
            ("request_id_bytes", self.request_id_bytes),
            ("user_id_bytes", self.user_id_bytes),
            ("title_bytes", self.title_bytes),
            ("labels", self.labels),
            ("label_key_bytes", self.label_key_bytes),
            ("label_value_bytes", self.label_value_bytes),
            ("fact_bytes", self.fact_bytes),
            ("fact_field_bytes", self.fact_field_bytes),
            ("fact_value_bytes", self.fact_value_bytes),
            ("fact_dependencies", self.fact_dependencies),
            ("facts_per_conversation", self.facts_per_conversation),
            ("query_bytes", self.query_bytes),
            ("page_size", self.page_size),
            ("conversations_per_user_search", self.conversations_per_user_search),
            ("fork_depth", self.fork_depth),
            ("outbox_turns", self.outbox_turns),
            ("token_budget", self.token_budget),
            ("watches", self.watches),
            ("cohort_scans", self.cohort_scans),
            ("item_bytes", self.item_bytes),
            ("item_key_bytes", self.item_key_bytes),
            ("item_namespace_bytes", self.item_namespace_bytes),
            ("items_per_namespace", self.items_per_namespace),
            ("items_per_search", self.items_per_search),
        ]
    }
}
