//! Which scope each method needs. A method that is not listed is not reachable,
//! whatever the router knows; a test compares the list with the descriptor set.

use crate::auth::Scope;

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// `/package.Service/Method`.
    pub path: &'static str,
    /// What the key must allow.
    pub scope: Scope,
    /// It streams requests or answers: another default deadline holds.
    pub streams: bool,
}

const fn unary(path: &'static str, scope: Scope) -> Method {
    Method { path, scope, streams: false }
}

const fn stream(path: &'static str, scope: Scope) -> Method {
    Method { path, scope, streams: true }
}

/// Every method that needs a key.
pub const METHODS: [Method; 36] = [
    unary("/throughline.v1.ConversationService/CreateConversation", Scope::Write),
    unary("/throughline.v1.ConversationService/GetConversation", Scope::Read),
    unary("/throughline.v1.ConversationService/ListConversations", Scope::Read),
    unary("/throughline.v1.ConversationService/UpdateConversation", Scope::Write),
    unary("/throughline.v1.ConversationService/DeleteConversation", Scope::Write),
    unary("/throughline.v1.ConversationService/AppendTurns", Scope::Write),
    stream("/throughline.v1.ConversationService/StreamTurns", Scope::Write),
    unary("/throughline.v1.ConversationService/ListTurns", Scope::Read),
    unary("/throughline.v1.ConversationService/ForkConversation", Scope::Write),
    unary("/throughline.v1.ConversationService/ForgetTurns", Scope::Write),
    stream("/throughline.v1.ConversationService/ExportConversation", Scope::Read),
    stream("/throughline.v1.ConversationService/ImportConversation", Scope::Write),
    stream("/throughline.v1.ConversationService/WatchConversation", Scope::Read),
    unary("/throughline.v1.MemoryService/SearchTurns", Scope::Read),
    unary("/throughline.v1.MemoryService/PinFact", Scope::Write),
    unary("/throughline.v1.MemoryService/UpdateFact", Scope::Write),
    unary("/throughline.v1.MemoryService/UnpinFact", Scope::Write),
    unary("/throughline.v1.MemoryService/ListFacts", Scope::Read),
    unary("/throughline.v1.MemoryService/GetStaleness", Scope::Read),
    unary("/throughline.v1.MemoryService/RejectEdge", Scope::Write),
    unary("/throughline.v1.MemoryService/GetSummary", Scope::Read),
    unary("/throughline.v1.MemoryService/Summarize", Scope::Write),
    unary("/throughline.v1.ItemService/PutItem", Scope::Write),
    unary("/throughline.v1.ItemService/GetItem", Scope::Read),
    unary("/throughline.v1.ItemService/DeleteItem", Scope::Write),
    unary("/throughline.v1.ItemService/SearchItems", Scope::Read),
    unary("/throughline.v1.ItemService/ListItems", Scope::Read),
    unary("/throughline.v1.ItemService/ListNamespaces", Scope::Read),
    unary("/throughline.v1.ContextService/BuildContext", Scope::Read),
    unary("/throughline.v1.ContextService/PrepareTurn", Scope::Write),
    unary("/throughline.v1.DegradationService/GetDegradation", Scope::Read),
    unary("/throughline.v1.DegradationService/RecordOutcome", Scope::Write),
    unary("/throughline.v1.DegradationService/GetCohortDegradation", Scope::Read),
    stream("/throughline.v1.DegradationService/WatchHealth", Scope::Read),
    unary("/throughline.v1.UsageService/GetUsage", Scope::Read),
    unary("/throughline.v1.ServerService/GetServerInfo", Scope::Read),
];

/// Services that anybody may call: they say nothing about anybody's data.
const PUBLIC: [&str; 3] = [
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
];

/// How a path may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// By anybody.
    Public,
    /// With a key that has the scope.
    Key(Method),
    /// Not at all.
    Unknown,
}

/// How this path may be reached.
pub fn access(path: &str) -> Access {
    if PUBLIC.iter().any(|service| path.starts_with(service)) {
        return Access::Public;
    }
    let method = METHODS.iter().find(|method| method.path == path);
    method.map_or(Access::Unknown, |method| Access::Key(*method))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use prost::Message as _;

    use super::*;

    /// Path and whether it streams, of every method of the descriptor set.
    fn described() -> BTreeMap<String, bool> {
        let bytes = crate::pb::FILE_DESCRIPTOR_SET;
        let set = prost_types::FileDescriptorSet::decode(bytes).unwrap();
        let mut paths = BTreeMap::new();
        for file in set.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    paths.insert(path, method.client_streaming() || method.server_streaming());
                }
            }
        }
        paths
    }

    #[test]
    fn every_method_of_the_protocol_is_listed() {
        let listed: BTreeMap<String, bool> =
            METHODS.iter().map(|method| (method.path.to_owned(), method.streams)).collect();
        assert_eq!(listed.len(), METHODS.len(), "a method is listed twice");
        assert_eq!(listed, described());
    }

    #[test]
    fn what_is_not_listed_is_not_reachable() {
        for path in ["/", "", "/throughline.v1.ConversationService/Drop", "/grpc.health.v1.Health"]
        {
            assert_eq!(access(path), Access::Unknown, "{path}");
        }
        assert_eq!(access("/grpc.health.v1.Health/Check"), Access::Public);
    }
}
