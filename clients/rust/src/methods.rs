//! Every unary method of the protocol, with retries and idempotency keys.

use throughline_proto::v1;
use uuid::Uuid;

use crate::{Client, Error};

/// A key that nobody has drawn before, if there is none.
pub(crate) fn fill(key: &mut String) {
    if key.is_empty() {
        *key = Uuid::new_v4().simple().to_string();
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident($request:ident) -> $answer:ident in $service:ident,
       repeatable: $repeatable:literal, keys: $keys:expr;)*) => {
        impl Client {
            $($(#[$doc])*
            ///
            /// # Errors
            /// [`Error`].
            pub async fn $name(&self, mut request: v1::$request) -> Result<v1::$answer, Error> {
                let keys: fn(&mut v1::$request) = $keys;
                keys(&mut request);
                let service = self.$service();
                self.send($repeatable, request, |request| {
                    let mut service = service.clone();
                    async move { service.$name(request).await }
                })
                .await
            })*
        }

        /// Service, method, and whether its requests get keys.
        #[cfg(test)]
        const TABLE: &[(&str, &str, bool)] =
            &[$((stringify!($service), stringify!($name), has_keys(stringify!($keys)))),*];
    };
}

methods! {
    /// Creates an empty conversation.
    create_conversation(CreateConversationRequest) -> CreateConversationResponse in conversations,
        repeatable: true, keys: |request| fill(&mut request.request_id);
    /// Reads one conversation.
    get_conversation(GetConversationRequest) -> GetConversationResponse in conversations,
        repeatable: true, keys: |_| {};
    /// Lists the tenant's conversations.
    list_conversations(ListConversationsRequest) -> ListConversationsResponse in conversations,
        repeatable: true, keys: |_| {};
    /// Changes title, user or labels.
    update_conversation(UpdateConversationRequest) -> UpdateConversationResponse in conversations,
        repeatable: false, keys: |_| {};
    /// Erases a conversation with all that was derived from it.
    delete_conversation(DeleteConversationRequest) -> DeleteConversationResponse in conversations,
        repeatable: false, keys: |_| {};
    /// Stores turns, all or none.
    append_turns(AppendTurnsRequest) -> AppendTurnsResponse in conversations,
        repeatable: true, keys: |request| {
            request.turns.iter_mut().for_each(|turn| fill(&mut turn.client_turn_id));
        };
    /// Reads turns in order.
    list_turns(ListTurnsRequest) -> ListTurnsResponse in conversations,
        repeatable: true, keys: |_| {};
    /// Starts a branch that shares the turns up to a sequence.
    fork_conversation(ForkConversationRequest) -> ForkConversationResponse in conversations,
        repeatable: true, keys: |request| fill(&mut request.request_id);
    /// Erases turns with everything derived from them.
    forget_turns(ForgetTurnsRequest) -> ForgetTurnsResponse in conversations,
        repeatable: false, keys: |_| {};
    /// Finds turns of a conversation, or of all of a user's.
    search_turns(SearchTurnsRequest) -> SearchTurnsResponse in memory,
        repeatable: true, keys: |_| {};
    /// Keeps a fact in the windows of a conversation while it holds.
    pin_fact(PinFactRequest) -> PinFactResponse in memory,
        repeatable: true, keys: |request| fill(&mut request.request_id);
    /// Changes a pin.
    update_fact(UpdateFactRequest) -> UpdateFactResponse in memory,
        repeatable: false, keys: |_| {};
    /// Takes a pin out.
    unpin_fact(UnpinFactRequest) -> UnpinFactResponse in memory,
        repeatable: false, keys: |_| {};
    /// Lists the pins of a conversation.
    list_facts(ListFactsRequest) -> ListFactsResponse in memory,
        repeatable: true, keys: |_| {};
    /// Says of each turn whether it still holds.
    get_staleness(GetStalenessRequest) -> GetStalenessResponse in memory,
        repeatable: true, keys: |_| {};
    /// Takes a wrong supersession or contradiction back.
    reject_edge(RejectEdgeRequest) -> RejectEdgeResponse in memory,
        repeatable: false, keys: |_| {};
    /// Reads the summaries of a conversation.
    get_summary(GetSummaryRequest) -> GetSummaryResponse in memory,
        repeatable: true, keys: |_| {};
    /// Folds all that is not folded yet; a repeat goes on where it was.
    summarize(SummarizeRequest) -> SummarizeResponse in memory,
        repeatable: true, keys: |_| {};
    /// Stores an item, or replaces it.
    put_item(PutItemRequest) -> PutItemResponse in items,
        repeatable: true, keys: |_| {};
    /// Reads one item.
    get_item(GetItemRequest) -> GetItemResponse in items,
        repeatable: true, keys: |_| {};
    /// Erases an item with its vectors.
    delete_item(DeleteItemRequest) -> DeleteItemResponse in items,
        repeatable: false, keys: |_| {};
    /// Finds items below a namespace.
    search_items(SearchItemsRequest) -> SearchItemsResponse in items,
        repeatable: true, keys: |_| {};
    /// Lists the items of a namespace.
    list_items(ListItemsRequest) -> ListItemsResponse in items,
        repeatable: true, keys: |_| {};
    /// Lists the namespaces that hold items.
    list_namespaces(ListNamespacesRequest) -> ListNamespacesResponse in items,
        repeatable: true, keys: |_| {};
    /// Builds a window for a query, or for the last user turn.
    build_context(BuildContextRequest) -> BuildContextResponse in context,
        repeatable: true, keys: |_| {};
    /// What was measured of a conversation, turn by turn, with its health.
    get_degradation(GetDegradationRequest) -> GetDegradationResponse in degradation,
        repeatable: true, keys: |_| {};
    /// Records what the application says of a turn, such as a judge's score.
    record_outcome(RecordOutcomeRequest) -> RecordOutcomeResponse in degradation,
        repeatable: true, keys: |request| {
            request.outcome.iter_mut().for_each(|outcome| fill(&mut outcome.outcome_id));
        };
    /// Levels and curves of many conversations together.
    get_cohort_degradation(GetCohortDegradationRequest) -> GetCohortDegradationResponse
        in degradation, repeatable: true, keys: |_| {};
    /// Usage of the tenant by day, or of its conversations.
    get_usage(GetUsageRequest) -> GetUsageResponse in usage,
        repeatable: true, keys: |_| {};
    /// Version, models and limits of the server.
    get_server_info(GetServerInfoRequest) -> GetServerInfoResponse in server,
        repeatable: true, keys: |_| {};
}

#[cfg(test)]
const fn has_keys(closure: &str) -> bool {
    closure.len() > "|_| {}".len()
}

#[cfg(test)]
#[path = "methods_tests.rs"]
mod tests;
