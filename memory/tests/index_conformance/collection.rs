//! The points of the double's collections: filters, scores and groups, done the
//! plain way.

use std::collections::{BTreeMap, HashMap};

use qdrant_client::qdrant::{
    Filter, GroupId, PointGroup, PointId, PointStruct, PointsSelector, PointsUpdateOperation,
    QueryPointGroups, ScoredPoint, SparseVector, Value, condition::ConditionOneOf,
    group_id::Kind as GroupKind, r#match::MatchValue, point_id::PointIdOptions,
    points_selector::PointsSelectorOneOf, points_update_operation::Operation, query::Variant,
    value::Kind, vector::Vector as VectorKind, vector_input::Variant as InputVariant,
    vectors::VectorsOptions,
};

/// Points by id.
#[derive(Default)]
pub(crate) struct StoredPoints(BTreeMap<String, PointStruct>);

impl StoredPoints {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn update(&mut self, operations: Vec<PointsUpdateOperation>) {
        for operation in operations {
            match operation.operation.expect("an operation") {
                Operation::Upsert(list) => {
                    for point in list.points {
                        self.0.insert(uuid(point.id.as_ref().expect("an id")), point);
                    }
                }
                Operation::DeletePoints(delete) => {
                    self.delete(&delete.points.expect("a selector"));
                }
                other => panic!("the double does not know {other:?}"),
            }
        }
    }

    pub(crate) fn delete(&mut self, selector: &PointsSelector) {
        let Some(PointsSelectorOneOf::Filter(filter)) = &selector.points_selector_one_of else {
            panic!("the double does not know {selector:?}");
        };
        self.0.retain(|_, point| !lets_through(filter, point));
    }

    pub(crate) fn query_groups(&self, request: &QueryPointGroups) -> Vec<PointGroup> {
        let using = request.using.as_deref().expect("a named vector");
        let filter = request.filter.as_ref().expect("a filter");
        let found = self.0.values().filter(|point| lets_through(filter, point));
        let variant = request.query.clone().and_then(|query| query.variant).expect("a query");
        let Variant::Nearest(input) = variant else { panic!("the double does not know it") };
        let mut scored: Vec<(f32, &PointStruct)> = match input.variant.expect("a vector") {
            InputVariant::Dense(query) => found
                .filter_map(|point| match vector(point, using)? {
                    VectorKind::Dense(stored) => Some((cosine(&stored.data, &query.data), point)),
                    _ => None,
                })
                .collect(),
            InputVariant::Sparse(query) => {
                let corpus = request.params.as_ref().and_then(|params| params.idf.as_ref());
                let idf = self.idf(using, corpus.and_then(|idf| idf.corpus.as_ref()));
                found
                    .filter_map(|point| match vector(point, using)? {
                        VectorKind::Sparse(stored) => {
                            Some((sparse_product(stored, &query, &idf)?, point))
                        }
                        _ => None,
                    })
                    .collect()
            }
            other => panic!("the double does not know {other:?}"),
        };
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        group(scored, request)
    }

    /// IDF of each dimension over the points of a corpus.
    fn idf(&self, using: &str, corpus: Option<&Filter>) -> impl Fn(u32) -> f32 {
        let mut df: HashMap<u32, f32> = HashMap::new();
        let mut points = 0.0;
        for point in self.0.values() {
            if corpus.is_some_and(|corpus| !lets_through(corpus, point)) {
                continue;
            }
            if let Some(VectorKind::Sparse(stored)) = vector(point, using) {
                points += 1.0;
                stored.indices.iter().for_each(|index| *df.entry(*index).or_default() += 1.0);
            }
        }
        move |index| {
            let df = df.get(&index).copied().unwrap_or_default();
            (1.0_f32 + (points - df + 0.5) / (df + 0.5)).ln()
        }
    }
}

fn group(scored: Vec<(f32, &PointStruct)>, request: &QueryPointGroups) -> Vec<PointGroup> {
    let mut groups: Vec<PointGroup> = Vec::new();
    for (score, point) in scored {
        let key = text(point, &request.group_by);
        let id = GroupId { kind: Some(GroupKind::StringValue(key)) };
        let hit = ScoredPoint {
            id: point.id.clone(),
            payload: point.payload.clone(),
            score,
            ..Default::default()
        };
        let most = request.group_size.expect("a size") as usize;
        match groups.iter_mut().find(|group| group.id.as_ref() == Some(&id)) {
            Some(group) if group.hits.len() < most => group.hits.push(hit),
            Some(_) => {}
            None => groups.push(PointGroup { id: Some(id), hits: vec![hit], lookup: None }),
        }
    }
    groups.truncate(request.limit.expect("a limit") as usize);
    groups
}

/// What a filter says of a point.
pub(crate) fn lets_through(filter: &Filter, point: &PointStruct) -> bool {
    assert!(filter.min_should.is_none(), "the double does not know min_should");
    let holds = |condition: &qdrant_client::qdrant::Condition| {
        meets(condition.condition_one_of.as_ref().expect("a condition"), point)
    };
    filter.must.iter().all(holds)
        && (filter.should.is_empty() || filter.should.iter().any(holds))
        && !filter.must_not.iter().any(holds)
}

fn meets(condition: &ConditionOneOf, point: &PointStruct) -> bool {
    match condition {
        ConditionOneOf::Filter(filter) => lets_through(filter, point),
        ConditionOneOf::HasVector(named) => vector(point, &named.has_vector).is_some(),
        ConditionOneOf::HasId(ids) => {
            let own = uuid(point.id.as_ref().expect("an id"));
            ids.has_id.iter().any(|id| uuid(id) == own)
        }
        ConditionOneOf::Field(field) => {
            let kind = point.payload.get(&field.key).and_then(|value| value.kind.as_ref());
            let matches = field.r#match.as_ref().and_then(|m| m.match_value.as_ref());
            match (kind, matches, field.range) {
                (Some(Kind::StringValue(own)), Some(MatchValue::Keyword(asked)), None) => {
                    own == asked
                }
                (Some(Kind::StringValue(own)), Some(MatchValue::Keywords(asked)), None) => {
                    asked.strings.contains(own)
                }
                (Some(Kind::IntegerValue(own)), Some(MatchValue::Integers(asked)), None) => {
                    asked.integers.contains(own)
                }
                (Some(Kind::IntegerValue(own)), None, Some(range)) => {
                    range.gte.is_none_or(|gte| *own as f64 >= gte)
                        && range.lte.is_none_or(|lte| *own as f64 <= lte)
                        && range.gt.is_none()
                        && range.lt.is_none()
                }
                _ => panic!("the double does not know {field:?} of {kind:?}"),
            }
        }
        other => panic!("the double does not know {other:?}"),
    }
}

fn vector<'a>(point: &'a PointStruct, name: &str) -> Option<&'a VectorKind> {
    let Some(VectorsOptions::Vectors(named)) = &point.vectors.as_ref()?.vectors_options else {
        panic!("the double knows named vectors only");
    };
    named.vectors.get(name)?.vector.as_ref()
}

fn uuid(id: &PointId) -> String {
    match id.point_id_options.as_ref().expect("an id") {
        PointIdOptions::Uuid(uuid) => uuid.clone(),
        PointIdOptions::Num(number) => panic!("the double knows UUIDs only, got {number}"),
    }
}

fn text(point: &PointStruct, field: &str) -> String {
    let value: &Value = point.payload.get(field).expect("the field");
    value.as_str().expect("a text").to_owned()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "dimensions");
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f32::MIN_POSITIVE)
}

/// Nothing without a common dimension.
fn sparse_product(
    stored: &SparseVector,
    query: &SparseVector,
    idf: impl Fn(u32) -> f32,
) -> Option<f32> {
    let weights: HashMap<u32, f32> =
        stored.indices.iter().copied().zip(stored.values.iter().copied()).collect();
    let common = query.indices.iter().zip(&query.values);
    let parts: Vec<f32> = common
        .filter_map(|(index, asked)| Some(weights.get(index)? * asked * idf(*index)))
        .collect();
    (!parts.is_empty()).then(|| parts.iter().sum())
}
