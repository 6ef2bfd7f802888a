//! What `all` runs: every command on every data set that it has figures for.

/// One measurement.
pub(super) struct Run {
    /// Name of its result.
    pub(super) name: &'static str,
    /// Folder of the data set that it cannot do without; empty if it needs none.
    pub(super) folder: &'static str,
    /// The command, without what `all` passes on.
    pub(super) command: &'static str,
    /// The command for a quick look, where it knows no `--limit`; else empty.
    pub(super) quick: &'static str,
    /// Weights were learnt from what is played: it is run fold by fold.
    pub(super) learnt: bool,
}

const fn of(name: &'static str, folder: &'static str, command: &'static str) -> Run {
    Run { name, folder, command, quick: "", learnt: false }
}

/// A run on what weights were learnt from, by conversations that have a fold.
const fn unseen(name: &'static str, folder: &'static str, command: &'static str) -> Run {
    Run { learnt: true, ..of(name, folder, command) }
}

/// Everything that is measured.
pub(super) static RUNS: [Run; 46] = [
    unseen("sweep", "beam", "degradation --dataset sweep"),
    unseen("lost", "lost_in_conversation", "degradation --dataset lost_in_conversation"),
    of("distance-locomo", "locomo", "degradation --dataset locomo"),
    unseen("distance-beam", "beam", "degradation --dataset beam"),
    unseen("distance-beam-500K", "beam", "degradation --dataset beam --split 500K"),
    unseen("distance-longmemeval", "longmemeval", "degradation --dataset longmemeval"),
    of("distance-multichallenge", "multichallenge", "degradation --dataset multichallenge"),
    of("distance-devmembench", "devmembench", "degradation --dataset devmembench"),
    of("signals", "longmemeval", "degradation --dataset signals"),
    of("change-point", "", "degradation --dataset change_point"),
    of("retrieval-locomo", "locomo", "retrieval --dataset locomo"),
    unseen("retrieval-beam", "beam", "retrieval --dataset beam"),
    unseen("retrieval-longmemeval", "longmemeval", "retrieval --dataset longmemeval"),
    unseen("retrieval-beam-500K", "beam", "retrieval --dataset beam --split 500K"),
    of("retrieval-structflow", "structflow", "retrieval --dataset structflow"),
    of("retrieval-devmembench", "devmembench", "retrieval --dataset devmembench"),
    of("context-locomo", "locomo", "context --dataset locomo"),
    unseen("context-beam", "beam", "context --dataset beam"),
    unseen("context-longmemeval", "longmemeval", "context --dataset longmemeval --split 48"),
    of("context-devmembench", "devmembench", "context --dataset devmembench"),
    unseen("prefix-beam", "beam", "prefix --dataset beam"),
    unseen("prefix-longmemeval", "longmemeval", "prefix --dataset longmemeval --split full"),
    of("staleness-sgd", "sgd_updates", "staleness --dataset sgd_updates"),
    of("staleness-statebench", "statebench", "staleness --dataset statebench"),
    unseen("staleness-longmemeval", "longmemeval", "staleness --dataset longmemeval"),
    unseen("staleness-beam", "beam", "staleness --dataset beam"),
    unseen("staleness-prosecco", "prosecco", "staleness --dataset prosecco"),
    of("staleness-ci-tod", "ci_tod", "staleness --dataset ci_tod"),
    of("staleness-cri", "cri", "staleness --dataset cri"),
    of("staleness-memory-profiles", "memory_profiles", "staleness --dataset memory_profiles"),
    of("staleness-tiage", "tiage", "staleness --dataset tiage"),
    of("staleness-qmsum", "qmsum", "staleness --dataset qmsum"),
    of("staleness-additive", "", "staleness --dataset additive"),
    unseen("pins-beam", "beam", "pins --dataset beam"),
    unseen("pins-prefeval", "prefeval", "pins --dataset prefeval --distance 0,8,28,96"),
    unseen("compaction", "beam", "compaction"),
    of("summaries-dialogsum", "dialogsum", "summaries --dataset dialogsum"),
    of("summaries-summedits", "summedits", "summaries --dataset summedits"),
    of("summaries-diasumfact", "diasumfact", "summaries --dataset diasumfact"),
    of("summaries-qmsum", "qmsum", "summaries --dataset qmsum"),
    of("summaries-beam", "beam", "summaries --dataset beam"),
    of("summaries-locomo", "locomo", "summaries --dataset locomo"),
    Run { quick: "load --seconds 3", ..of("load-appends", "", "load") },
    Run {
        quick: "load --build-context --turns 100,500 --windows 20",
        ..of("load-windows", "", "load --build-context --turns 100,1000,5000")
    },
    Run {
        quick: "load --chats --turns 100 --windows 10",
        ..of("load-chats", "", "load --chats --turns 5000 --windows 15")
    },
    Run { quick: "crash --rounds 2 --writers 8", ..of("crash", "", "crash") },
];
