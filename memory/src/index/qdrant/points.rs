//! What is written for a turn and what is asked for a query.
//!
//! A turn is a point with a sparse vector for its words and a point with a
//! dense vector for each passage. A point's id is a function of what it is of,
//! so that a repeated write replaces it.

use std::collections::{BTreeMap, HashMap};

use qdrant_client::qdrant::{
    Condition, DeletePoints, DenseVector, Filter, IdfParams, NamedVectors, PayloadIncludeSelector,
    PointId, PointStruct, PointsUpdateOperation, Query, QueryPointGroups, SearchParams,
    SparseVector, UpdateBatchPoints, Value, Vector as NamedVector, VectorInput, Vectors,
    WithPayloadSelector,
    points_update_operation::{DeletePoints as DeleteOperation, Operation, PointStructList},
    query::Variant,
    vector::Vector as VectorKind,
    vector_input::Variant as InputVariant,
    vectors::VectorsOptions,
    with_payload_selector::SelectorOptions,
};
use uuid::Uuid;

use super::{
    filters::{self, CONVERSATION, SEQUENCE, TENANT, TURN, USER},
    schema::{DENSE, SPARSE},
};
use crate::{
    embed::Vector,
    index::{
        IndexedTurn,
        analyse::{Language, Purpose, analyse},
        bm25,
        exact::terms::QueryTerms,
    },
    turn::{ConversationId, TenantId},
};

/// Payload field: first byte of the passage.
pub(super) const START: &str = "start";
/// Payload field: one past the passage's last byte.
pub(super) const END: &str = "end";
/// Points that one call writes; a single turn may be more.
const POINTS_PER_WRITE: usize = 256;
/// Under this the ids of points are drawn. Never changes.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_3c0e_95a4_4d2b_8e57_0c4b_7a91_d3e6);

/// A change to the collection.
pub(super) enum Write {
    /// Turns replaced.
    Batch(UpdateBatchPoints),
    /// Points deleted.
    Delete(DeletePoints),
}

/// What the points of a write have in common.
pub(super) struct Context<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) owner: &'a ConversationId,
    pub(super) user_id: &'a str,
    pub(super) language: Language,
    pub(super) average_length: f32,
    pub(super) collection: &'a str,
}

/// The writes that replace turns: first points of them that are no more, then
/// those that are, in one call.
pub(super) fn batches(context: &Context<'_>, turns: &[IndexedTurn]) -> Vec<Write> {
    let mut writes = Vec::new();
    let (mut points, mut sequences) = (Vec::new(), Vec::new());
    for turn in turns {
        let more = points_of(context, turn);
        if !sequences.is_empty() && points.len() + more.len() > POINTS_PER_WRITE {
            writes.push(batch(context, std::mem::take(&mut points), &sequences));
            sequences.clear();
        }
        points.extend(more);
        sequences.push(turn.sequence);
    }
    if !sequences.is_empty() {
        writes.push(batch(context, points, &sequences));
    }
    writes
}

/// A delete by filter.
pub(super) fn delete(collection: &str, filter: Filter) -> Write {
    Write::Delete(DeletePoints {
        collection_name: collection.to_owned(),
        wait: Some(true),
        points: Some(filter.into()),
        ..DeletePoints::default()
    })
}

/// The best turns by their words; nothing if the query has none. IDF is counted
/// over what the filter lets through.
pub(super) fn sparse_query(
    collection: &str,
    terms: &QueryTerms,
    filter: Filter,
    limit: u64,
) -> Option<QueryPointGroups> {
    let mut weights: BTreeMap<u32, f32> = BTreeMap::new();
    for (term, asked) in terms.iter() {
        *weights.entry(term_id(term)).or_default() += asked as f32;
    }
    if weights.is_empty() {
        return None;
    }
    let mut corpus = filter.clone();
    corpus.must.push(Condition::has_vector(SPARSE));
    let (indices, values) = weights.into_iter().unzip();
    Some(QueryPointGroups {
        using: Some(SPARSE.to_owned()),
        params: Some(SearchParams {
            idf: Some(IdfParams { corpus: Some(corpus) }),
            ..SearchParams::default()
        }),
        ..query(collection, InputVariant::Sparse(SparseVector { values, indices }), filter, limit)
    })
}

/// The best turns by their best passage.
pub(super) fn dense_query(
    collection: &str,
    vector: &Vector,
    filter: Filter,
    limit: u64,
) -> QueryPointGroups {
    let vector = InputVariant::Dense(DenseVector { data: vector.to_vec() });
    QueryPointGroups { using: Some(DENSE.to_owned()), ..query(collection, vector, filter, limit) }
}

fn query(collection: &str, vector: InputVariant, filter: Filter, limit: u64) -> QueryPointGroups {
    let fields = [CONVERSATION, SEQUENCE, START, END].map(str::to_owned).to_vec();
    QueryPointGroups {
        collection_name: collection.to_owned(),
        query: Some(Query {
            variant: Some(Variant::Nearest(VectorInput { variant: Some(vector) })),
        }),
        filter: Some(filter),
        with_payload: Some(WithPayloadSelector {
            selector_options: Some(SelectorOptions::Include(PayloadIncludeSelector { fields })),
        }),
        limit: Some(limit),
        group_size: Some(1),
        group_by: TURN.to_owned(),
        ..QueryPointGroups::default()
    }
}

fn batch(context: &Context<'_>, points: Vec<PointStruct>, sequences: &[u64]) -> Write {
    let kept: Vec<PointId> = points.iter().filter_map(|point| point.id.clone()).collect();
    let mut gone = filters::turns(context.tenant, context.owner, sequences);
    if !kept.is_empty() {
        gone.must_not.push(Condition::has_id(kept));
    }
    let mut operations = vec![Operation::DeletePoints(DeleteOperation {
        points: Some(gone.into()),
        shard_key_selector: None,
    })];
    if !points.is_empty() {
        operations.push(Operation::Upsert(PointStructList { points, ..Default::default() }));
    }
    let operations = operations
        .into_iter()
        .map(|operation| PointsUpdateOperation { operation: Some(operation) })
        .collect();
    Write::Batch(UpdateBatchPoints {
        collection_name: context.collection.to_owned(),
        wait: Some(true),
        operations,
        ..UpdateBatchPoints::default()
    })
}

fn points_of(context: &Context<'_>, turn: &IndexedTurn) -> Vec<PointStruct> {
    let words = sparse(context, turn).map(|vector| {
        let kind = VectorKind::Sparse(vector);
        point(context, turn, 0, SPARSE, kind, None)
    });
    let passages = turn.passages.iter().zip(0_u32..).map(|(passage, number)| {
        let kind = VectorKind::Dense(DenseVector { data: passage.vector.to_vec() });
        point(context, turn, number, DENSE, kind, Some((passage.start, passage.end)))
    });
    words.into_iter().chain(passages).collect()
}

fn point(
    context: &Context<'_>,
    turn: &IndexedTurn,
    passage: u32,
    name: &str,
    vector: VectorKind,
    range: Option<(u32, u32)>,
) -> PointStruct {
    let of_turn = format!("{}/{}", context.owner, turn.sequence);
    // Ids hold no slash, so no two points are spelt alike.
    let spelt = format!("{}/{of_turn}/{passage}/{name}", context.tenant);
    let id = Uuid::new_v5(&NAMESPACE, spelt.as_bytes());
    let mut payload: HashMap<String, Value> = HashMap::from([
        (TENANT.to_owned(), context.tenant.to_string().into()),
        (CONVERSATION.to_owned(), context.owner.to_string().into()),
        (USER.to_owned(), context.user_id.to_owned().into()),
        (SEQUENCE.to_owned(), filters::integer(turn.sequence).into()),
        (TURN.to_owned(), of_turn.into()),
    ]);
    if let Some((start, end)) = range {
        payload.insert(START.to_owned(), i64::from(start).into());
        payload.insert(END.to_owned(), i64::from(end).into());
    }
    let vector = NamedVector { vector: Some(vector), ..NamedVector::default() };
    let vectors = NamedVectors { vectors: HashMap::from([(name.to_owned(), vector)]) };
    PointStruct {
        id: Some(id.to_string().into()),
        payload,
        vectors: Some(Vectors { vectors_options: Some(VectorsOptions::Vectors(vectors)) }),
    }
}

/// The words of a turn, weighted by BM25 without the IDF, which the server
/// multiplies in. Nothing for a turn without words.
fn sparse(context: &Context<'_>, turn: &IndexedTurn) -> Option<SparseVector> {
    let language = context.language.of_turn(&turn.text);
    let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
    let mut length = 0_u32;
    for text in [&turn.speaker, &turn.text] {
        analyse(text, language, Purpose::Turn, &mut |term| {
            *counts.entry(term_id(term.text)).or_default() += 1;
            length += u32::from(term.counted);
        });
    }
    if counts.is_empty() {
        return None;
    }
    let weigh = |tf: u32| bm25::saturation(tf as f32, length as f32, context.average_length);
    let (indices, values) = counts.into_iter().map(|(id, tf)| (id, weigh(tf))).unzip();
    Some(SparseVector { values, indices })
}

/// The dimension that a term stands for: 32 bits of its hash. Of 100,000
/// different terms about one pair shares a dimension.
fn term_id(term: &str) -> u32 {
    let hash = blake3::hash(term.as_bytes());
    hash.as_bytes().first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}
