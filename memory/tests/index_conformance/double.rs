//! **A double of a Qdrant server, not a Qdrant server.** It answers the calls
//! that the adapter makes, over gRPC, from a list in memory; every other call
//! is `UNIMPLEMENTED`, and a kind of filter that it does not know is a panic.
//! It shows that the adapter's requests say what they should; it cannot show
//! that a real server reads them so. Set `THROUGHLINE_TEST_QDRANT_URL` to run
//! the same suite against one.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::Arc,
};

use parking_lot::Mutex;
use qdrant_client::qdrant::{
    self as wire, collections_server::Collections, collections_server::CollectionsServer,
    points_server::Points, points_server::PointsServer,
};
use tokio::sync::{Notify, Semaphore};
use tonic::{Code, Request, Response, Status, transport::Server};

use crate::collection::StoredPoints;

/// A call as it came.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a test keeps a few of them")]
pub(crate) enum Call {
    Create(wire::CreateCollection),
    Index(wire::CreateFieldIndexCollection),
    Update(wire::UpdateBatchPoints),
    Delete(wire::DeletePoints),
    Query(wire::QueryPointGroups),
}

#[derive(Default)]
struct State {
    collections: HashMap<String, (wire::CreateCollection, StoredPoints)>,
    calls: Vec<Call>,
    /// Answers to give instead of the next ones.
    faults: VecDeque<Code>,
    down: bool,
}

/// The double. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Double {
    state: Arc<Mutex<State>>,
    /// While set, an update waits for a permit after it has told of itself.
    gate: Arc<Mutex<Option<Gate>>>,
    /// The same for whoever looks for a collection.
    lookups: Arc<Mutex<Option<Gate>>>,
}

/// Holds calls back.
#[derive(Clone)]
pub(crate) struct Gate {
    /// Told when a call has come to the gate.
    pub(crate) reached: Arc<Notify>,
    /// A permit lets one through.
    pub(crate) open: Arc<Semaphore>,
}

impl Double {
    /// Serves on a free port of the loopback; gives the address.
    pub(crate) async fn serve(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("bound");
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        let server = Server::builder()
            .add_service(PointsServer::new(self.clone()))
            .add_service(CollectionsServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(incoming));
        format!("http://{address}")
    }

    /// The calls so far, and forgets them.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.lock().calls)
    }

    pub(crate) fn fail_next(&self, faults: impl IntoIterator<Item = Code>) {
        self.state.lock().faults.extend(faults);
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.state.lock().down = down;
    }

    pub(crate) fn points(&self) -> usize {
        self.state.lock().collections.values().map(|(_, points)| points.len()).sum()
    }

    pub(crate) fn drop_collections(&self) {
        self.state.lock().collections.clear();
    }

    /// Makes the collections' vectors those of another model.
    pub(crate) fn set_dimensions(&self, dimensions: u64) {
        use wire::vectors_config::Config;
        for (created, _) in self.state.lock().collections.values_mut() {
            let config = created.vectors_config.as_mut().and_then(|c| c.config.as_mut());
            if let Some(Config::ParamsMap(vectors)) = config {
                vectors.map.values_mut().for_each(|vector| vector.size = dimensions);
            }
        }
    }

    /// Holds updates back from here on.
    pub(crate) fn hold_updates(&self) -> Gate {
        let gate = Gate { reached: Arc::default(), open: Arc::new(Semaphore::new(0)) };
        *self.gate.lock() = Some(gate.clone());
        gate
    }

    /// Holds back, from here on, who looks for a collection.
    pub(crate) fn hold_lookups(&self) -> Gate {
        let gate = Gate { reached: Arc::default(), open: Arc::new(Semaphore::new(0)) };
        *self.lookups.lock() = Some(gate.clone());
        gate
    }

    fn healthy(&self) -> Result<(), Status> {
        let mut state = self.state.lock();
        if state.down {
            return Err(Status::unavailable("the double plays dead"));
        }
        state.faults.pop_front().map_or(Ok(()), |code| Err(Status::new(code, "as asked")))
    }

    fn with_points<T>(
        &self,
        collection: &str,
        call: Call,
        act: impl FnOnce(&mut StoredPoints) -> T,
    ) -> Result<T, Status> {
        let mut state = self.state.lock();
        state.calls.push(call);
        match state.collections.get_mut(collection) {
            Some((_, points)) => Ok(act(points)),
            None => Err(Status::not_found("no such collection")),
        }
    }

    async fn on_update_batch(
        self,
        request: wire::UpdateBatchPoints,
    ) -> Result<wire::UpdateBatchResponse, Status> {
        self.healthy()?;
        let gate = self.gate.lock().clone();
        if let Some(gate) = gate {
            gate.reached.notify_one();
            gate.open.acquire().await.expect("open").forget();
        }
        let call = Call::Update(request.clone());
        self.with_points(&request.collection_name, call, |points| {
            points.update(request.operations)
        })?;
        Ok(wire::UpdateBatchResponse::default())
    }

    async fn on_delete(
        self,
        request: wire::DeletePoints,
    ) -> Result<wire::PointsOperationResponse, Status> {
        self.healthy()?;
        let call = Call::Delete(request.clone());
        let selector = request.points.expect("a selector");
        self.with_points(&request.collection_name, call, |points| points.delete(&selector))?;
        Ok(wire::PointsOperationResponse::default())
    }

    async fn on_query_groups(
        self,
        request: wire::QueryPointGroups,
    ) -> Result<wire::QueryGroupsResponse, Status> {
        self.healthy()?;
        let call = Call::Query(request.clone());
        let name = request.collection_name.clone();
        let groups = self.with_points(&name, call, |points| points.query_groups(&request))?;
        let result = Some(wire::GroupsResult { groups });
        Ok(wire::QueryGroupsResponse { result, ..Default::default() })
    }

    async fn on_create_field_index(
        self,
        request: wire::CreateFieldIndexCollection,
    ) -> Result<wire::PointsOperationResponse, Status> {
        self.healthy()?;
        let name = request.collection_name.clone();
        self.with_points(&name, Call::Index(request), |_| ())?;
        Ok(wire::PointsOperationResponse::default())
    }

    async fn on_create(
        self,
        request: wire::CreateCollection,
    ) -> Result<wire::CollectionOperationResponse, Status> {
        self.healthy()?;
        let mut state = self.state.lock();
        state.calls.push(Call::Create(request.clone()));
        let name = request.collection_name.clone();
        if state.collections.contains_key(&name) {
            return Err(Status::already_exists("there is one"));
        }
        state.collections.insert(name, (request, StoredPoints::default()));
        Ok(wire::CollectionOperationResponse { result: true, ..Default::default() })
    }

    async fn on_collection_exists(
        self,
        request: wire::CollectionExistsRequest,
    ) -> Result<wire::CollectionExistsResponse, Status> {
        self.healthy()?;
        let gate = self.lookups.lock().clone();
        if let Some(gate) = gate {
            gate.reached.notify_one();
            gate.open.acquire().await.expect("open").forget();
        }
        let exists = self.state.lock().collections.contains_key(&request.collection_name);
        let result = Some(wire::CollectionExists { exists });
        Ok(wire::CollectionExistsResponse { result, ..Default::default() })
    }

    async fn on_get_collection(
        self,
        request: wire::GetCollectionInfoRequest,
    ) -> Result<wire::GetCollectionInfoResponse, Status> {
        self.healthy()?;
        let state = self.state.lock();
        let Some((created, _)) = state.collections.get(&request.collection_name) else {
            return Err(Status::not_found("no such collection"));
        };
        let params = wire::CollectionParams {
            vectors_config: created.vectors_config.clone(),
            ..Default::default()
        };
        let config = Some(wire::CollectionConfig { params: Some(params), ..Default::default() });
        let result = Some(wire::CollectionInfo { config, ..Default::default() });
        Ok(wire::GetCollectionInfoResponse { result, ..Default::default() })
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send + 'a>>;

/// Methods of a service as `async_trait` spells them: those with `=> handler`
/// are answered, the others are not.
macro_rules! methods {
    ($($name:ident($request:ident) -> $response:ident $(=> $handler:ident)?;)*) => {
        $(fn $name<'life0, 'async_trait>(
            &'life0 self,
            request: Request<wire::$request>,
        ) -> Answer<'async_trait, wire::$response>
        where
            'life0: 'async_trait,
            Self: 'async_trait,
        {
            methods!(@body self request $name $($handler)?)
        })*
    };
    (@body $self:ident $request:ident $name:ident $handler:ident) => {{
        let answering = $self.clone().$handler($request.into_inner());
        Box::pin(async move { answering.await.map(Response::new) })
    }};
    (@body $self:ident $request:ident $name:ident) => {{
        drop($request);
        Box::pin(async { Err(Status::unimplemented(stringify!($name))) })
    }};
}

impl Points for Double {
    methods! {
        upsert(UpsertPoints) -> PointsOperationResponse;
        delete(DeletePoints) -> PointsOperationResponse => on_delete;
        get(GetPoints) -> GetResponse;
        update_vectors(UpdatePointVectors) -> PointsOperationResponse;
        delete_vectors(DeletePointVectors) -> PointsOperationResponse;
        set_payload(SetPayloadPoints) -> PointsOperationResponse;
        overwrite_payload(SetPayloadPoints) -> PointsOperationResponse;
        delete_payload(DeletePayloadPoints) -> PointsOperationResponse;
        clear_payload(ClearPayloadPoints) -> PointsOperationResponse;
        create_field_index(CreateFieldIndexCollection) -> PointsOperationResponse
            => on_create_field_index;
        delete_field_index(DeleteFieldIndexCollection) -> PointsOperationResponse;
        create_vector_name(CreateVectorNameRequest) -> PointsOperationResponse;
        delete_vector_name(DeleteVectorNameRequest) -> PointsOperationResponse;
        search(SearchPoints) -> SearchResponse;
        search_batch(SearchBatchPoints) -> SearchBatchResponse;
        search_groups(SearchPointGroups) -> SearchGroupsResponse;
        scroll(ScrollPoints) -> ScrollResponse;
        recommend(RecommendPoints) -> RecommendResponse;
        recommend_batch(RecommendBatchPoints) -> RecommendBatchResponse;
        recommend_groups(RecommendPointGroups) -> RecommendGroupsResponse;
        discover(DiscoverPoints) -> DiscoverResponse;
        discover_batch(DiscoverBatchPoints) -> DiscoverBatchResponse;
        count(CountPoints) -> CountResponse;
        update_batch(UpdateBatchPoints) -> UpdateBatchResponse => on_update_batch;
        query(QueryPoints) -> QueryResponse;
        query_batch(QueryBatchPoints) -> QueryBatchResponse;
        query_groups(QueryPointGroups) -> QueryGroupsResponse => on_query_groups;
        facet(FacetCounts) -> FacetResponse;
        search_matrix_pairs(SearchMatrixPoints) -> SearchMatrixPairsResponse;
        search_matrix_offsets(SearchMatrixPoints) -> SearchMatrixOffsetsResponse;
    }
}

impl Collections for Double {
    methods! {
        get(GetCollectionInfoRequest) -> GetCollectionInfoResponse => on_get_collection;
        list(ListCollectionsRequest) -> ListCollectionsResponse;
        create(CreateCollection) -> CollectionOperationResponse => on_create;
        update(UpdateCollection) -> CollectionOperationResponse;
        delete(DeleteCollection) -> CollectionOperationResponse;
        update_aliases(ChangeAliases) -> CollectionOperationResponse;
        list_collection_aliases(ListCollectionAliasesRequest) -> ListAliasesResponse;
        list_aliases(ListAliasesRequest) -> ListAliasesResponse;
        collection_cluster_info(CollectionClusterInfoRequest) -> CollectionClusterInfoResponse;
        collection_exists(CollectionExistsRequest) -> CollectionExistsResponse
            => on_collection_exists;
        update_collection_cluster_setup(UpdateCollectionClusterSetupRequest)
            -> UpdateCollectionClusterSetupResponse;
        create_shard_key(CreateShardKeyRequest) -> CreateShardKeyResponse;
        delete_shard_key(DeleteShardKeyRequest) -> DeleteShardKeyResponse;
        list_shard_keys(ListShardKeysRequest) -> ListShardKeysResponse;
    }
}
