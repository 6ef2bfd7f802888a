//! Items both ways: names and values, conditions, hits.

use serde_json::Value;
use throughline_memory::{
    engine::{FieldViolation, Limits, NewItem},
    items::{
        Condition, Item, ItemHit, ItemKey, MAX_LABELS, NameError, Namespace, NamespaceCondition,
        NamespacePrefix, Operator,
    },
};

use super::{Violations, search::score_to_proto, time::timestamp_to_proto};
use crate::pb;

/// Conditions of a search at most.
const MAX_CONDITIONS: usize = 64;
/// Keys that lead to a field at most, and their bytes together.
const MAX_FIELD: (usize, usize) = (16, 1_024);
/// Bytes of a value to compare with.
const MAX_OPERAND_BYTES: usize = 4 << 10;
/// Conditions on a namespace at most.
const MAX_NAMESPACE_CONDITIONS: usize = 16;
/// Namespaces of items that are searched beside turns.
const MAX_BESIDE: usize = 8;
/// What may be left out before a page.
const MAX_SKIP: i32 = 1_000_000;

/// Checks a namespace.
pub fn namespace(
    labels: Vec<String>,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<Namespace> {
    check_labels_bytes("namespace", &labels, limits, violations);
    violations.take(Namespace::new(labels).map_err(|error| bad("namespace", &error)))
}

/// Checks the labels that namespaces begin with.
pub fn namespace_prefix(
    field: &str,
    labels: Vec<String>,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<NamespacePrefix> {
    check_labels_bytes(field, &labels, limits, violations);
    violations.take(NamespacePrefix::new(labels).map_err(|error| bad(field, &error)))
}

/// Checks the namespaces that are searched beside turns.
pub fn namespaces_beside(
    namespaces: Vec<pb::ItemNamespace>,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<Vec<NamespacePrefix>> {
    if namespaces.len() > MAX_BESIDE {
        let is = namespaces.len();
        violations.add("item_namespaces", format!("has {is}, at most {MAX_BESIDE} are taken"));
        return None;
    }
    let mut checked = Vec::with_capacity(namespaces.len());
    for (at, namespace) in namespaces.into_iter().enumerate() {
        let field = format!("item_namespaces[{at}].labels");
        checked.push(namespace_prefix(&field, namespace.labels, limits, violations));
    }
    checked.into_iter().collect()
}

/// Checks a key.
fn item_key(key: String, limits: &Limits, violations: &mut Violations) -> Option<ItemKey> {
    violations.check_bytes("key", &key, "item_key_bytes", limits.item_key_bytes);
    violations.take(ItemKey::new(key).map_err(|error| bad("key", &error)))
}

/// Checks the name of an item.
pub fn item_name(
    labels: Vec<String>,
    key: String,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<(Namespace, ItemKey)> {
    let namespace = namespace(labels, limits, violations);
    let key = item_key(key, limits, violations);
    namespace.zip(key)
}

/// Checks an item that is put; its value is the engine's to check.
pub fn new_item(
    request: pb::PutItemRequest,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<NewItem> {
    let pb::PutItemRequest { namespace, key, value_json, index_paths, unindexed, wait_indexed: _ } =
        request;
    let name = item_name(namespace, key, limits, violations);
    violations.check_given("value_json", &value_json);
    let (namespace, key) = name?;
    Some(NewItem { namespace, key, value_json, index_paths, unindexed })
}

/// Checks what may be left out before a page.
pub fn skip(skip: i32, violations: &mut Violations) -> Option<usize> {
    if (0..=MAX_SKIP).contains(&skip) {
        return usize::try_from(skip).ok();
    }
    violations.add("skip", format!("is {skip}, must be 0 to {MAX_SKIP}"));
    None
}

/// Checks the conditions of a search.
pub fn item_filter(
    conditions: Vec<pb::ItemCondition>,
    violations: &mut Violations,
) -> Option<Vec<Condition>> {
    if conditions.len() > MAX_CONDITIONS {
        let is = conditions.len();
        violations
            .add("filter", format!("has {is} conditions, at most {MAX_CONDITIONS} are taken"));
        return None;
    }
    let mut checked = Vec::with_capacity(conditions.len());
    for (at, condition) in conditions.into_iter().enumerate() {
        checked.push(condition_from_proto(condition, &format!("filter[{at}]"), violations));
    }
    checked.into_iter().collect()
}

fn condition_from_proto(
    condition: pb::ItemCondition,
    path: &str,
    violations: &mut Violations,
) -> Option<Condition> {
    let pb::ItemCondition { field, operator: wanted, value_json } = condition;
    let (max_keys, max_bytes) = MAX_FIELD;
    let bytes: usize = field.iter().map(String::len).sum();
    if field.is_empty() || field.len() > max_keys || bytes > max_bytes {
        let why = format!("must be 1 to {max_keys} keys of at most {max_bytes} bytes together");
        violations.add(format!("{path}.field"), why);
    }
    let operator = violations.take(operator(&format!("{path}.operator"), wanted));
    let value = if value_json.len() > MAX_OPERAND_BYTES {
        let why = format!("has {} bytes, at most {MAX_OPERAND_BYTES} are taken", value_json.len());
        Err(FieldViolation::new(format!("{path}.value_json"), why))
    } else {
        serde_json::from_str::<Value>(&value_json).map_err(|error| {
            FieldViolation::new(format!("{path}.value_json"), format!("is no JSON: {error}"))
        })
    };
    let value = violations.take(value);
    Some(Condition { field, operator: operator?, value: value? })
}

fn operator(field: &str, operator: i32) -> Result<Operator, FieldViolation> {
    use pb::ItemOperator as Wanted;
    match Wanted::try_from(operator) {
        Ok(Wanted::Unspecified | Wanted::Equal) => Ok(Operator::Equal),
        Ok(Wanted::NotEqual) => Ok(Operator::NotEqual),
        Ok(Wanted::Greater) => Ok(Operator::Greater),
        Ok(Wanted::GreaterOrEqual) => Ok(Operator::GreaterOrEqual),
        Ok(Wanted::Less) => Ok(Operator::Less),
        Ok(Wanted::LessOrEqual) => Ok(Operator::LessOrEqual),
        Err(_) => Err(FieldViolation::new(field, format!("{operator} is not an ItemOperator"))),
    }
}

/// Checks the conditions on namespaces.
pub fn namespace_conditions(
    conditions: Vec<pb::NamespaceCondition>,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<Vec<NamespaceCondition>> {
    if conditions.len() > MAX_NAMESPACE_CONDITIONS {
        let (is, max) = (conditions.len(), MAX_NAMESPACE_CONDITIONS);
        violations.add("conditions", format!("has {is}, at most {max} are taken"));
        return None;
    }
    let mut checked = Vec::with_capacity(conditions.len());
    for (at, pb::NamespaceCondition { end, labels }) in conditions.into_iter().enumerate() {
        let path = format!("conditions[{at}]");
        let field = format!("{path}.labels");
        check_labels_bytes(&field, &labels, limits, violations);
        let labels = violations.take(Namespace::new(labels).map_err(|error| bad(&field, &error)));
        let labels = labels.map(Vec::from);
        checked.push(match pb::NamespaceEnd::try_from(end) {
            Ok(pb::NamespaceEnd::Prefix) => labels.map(NamespaceCondition::Prefix),
            Ok(pb::NamespaceEnd::Suffix) => labels.map(NamespaceCondition::Suffix),
            Ok(pb::NamespaceEnd::Unspecified) | Err(_) => {
                violations.add(format!("{path}.end"), "must be PREFIX or SUFFIX");
                None
            }
        });
    }
    checked.into_iter().collect()
}

/// Checks to how many labels namespaces are cut; 0 for whole ones.
pub fn max_depth(depth: i32, violations: &mut Violations) -> Option<usize> {
    let checked = usize::try_from(depth).ok();
    if checked.is_none() {
        violations.add("max_depth", format!("is {depth}, must be 0 (whole) to {MAX_LABELS}"));
    }
    checked
}

/// Renders an item.
pub fn item_to_proto(item: Item) -> pb::MemoryItem {
    pb::MemoryItem {
        namespace: item.namespace.into(),
        key: item.key.into(),
        create_time: Some(timestamp_to_proto(item.created_at)),
        update_time: Some(timestamp_to_proto(item.updated_at)),
        value_json: item.value_json,
        revision: item.revision,
    }
}

/// Renders a hit.
pub fn item_hit_to_proto(hit: ItemHit) -> pb::ItemHit {
    let score = hit.score.map(|total| score_to_proto(total, &hit.components));
    pb::ItemHit { item: Some(item_to_proto(hit.item)), score }
}

fn check_labels_bytes(
    field: &str,
    labels: &[String],
    limits: &Limits,
    violations: &mut Violations,
) {
    let (bytes, max) =
        (labels.iter().map(String::len).sum::<usize>() as u64, limits.item_namespace_bytes);
    if bytes > max {
        let why = format!("has {bytes} bytes, the limit item_namespace_bytes is {max}");
        violations.add(field, why);
    }
}

fn bad(field: &str, error: &NameError) -> FieldViolation {
    FieldViolation::new(field, error.to_string())
}

#[cfg(test)]
mod tests {
    use throughline_memory::engine::EngineError;

    use super::*;

    fn fields(check: impl FnOnce(&mut Violations)) -> Vec<String> {
        let mut violations = Violations::new();
        check(&mut violations);
        match violations.finish(Some(())) {
            Ok(()) => Vec::new(),
            Err(EngineError::Invalid(found)) => found.into_iter().map(|v| v.field).collect(),
            Err(other) => panic!("{other}"),
        }
    }

    fn labels(text: &str) -> Vec<String> {
        text.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn bad_names_are_all_named() {
        let limits = Limits::default();
        let name = |namespace: &str, key: &str| {
            fields(|violations| {
                item_name(labels(namespace), key.to_owned(), &limits, violations);
            })
        };
        assert_eq!(name("users/ada", "k"), [""; 0]);
        assert_eq!(name("users//ada", ""), ["namespace", "key"]);
        assert_eq!(name(&"x".repeat(513), &"k".repeat(257)), ["namespace", "key"]);
        assert_eq!(name("a\0", "k\0"), ["namespace", "key"]);
    }

    #[test]
    fn bad_conditions_are_all_named() {
        let good = || pb::ItemCondition {
            field: labels("a/b"),
            operator: pb::ItemOperator::Less.into(),
            value_json: "3".to_owned(),
        };
        let conditions = vec![
            good(),
            pb::ItemCondition { field: Vec::new(), ..good() },
            pb::ItemCondition { operator: 99, value_json: "{".to_owned(), ..good() },
            pb::ItemCondition { value_json: format!("\"{}\"", "x".repeat(4 << 10)), ..good() },
        ];
        let found = fields(|violations| {
            item_filter(conditions, violations);
        });
        let expected = [
            "filter[1].field",
            "filter[2].operator",
            "filter[2].value_json",
            "filter[3].value_json",
        ];
        assert_eq!(found, expected);
        let many = fields(|violations| {
            item_filter(vec![good(); 65], violations);
        });
        assert_eq!(many, ["filter"]);
    }

    #[test]
    fn ends_of_namespaces_must_be_given() {
        let condition = |end: i32, text: &str| pb::NamespaceCondition { end, labels: labels(text) };
        let found = fields(|violations| {
            let conditions = vec![condition(1, "a/*"), condition(0, "a"), condition(2, "")];
            namespace_conditions(conditions, &Limits::default(), violations);
        });
        assert_eq!(found, ["conditions[1].end", "conditions[2].labels"]);
    }
}
