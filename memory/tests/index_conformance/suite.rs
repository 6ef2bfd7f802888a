//! The cases of the conformance suite. Each takes an index and the world that
//! it reads; [`conformance`] makes a test of each for a backend.

use throughline_memory::{
    index::{Branch, IndexQuery, Match, TurnIndex},
    turn::Sequence,
};

use crate::world::{World, branch, id, query, turn, vector, whole, words_only};

/// Makes the tests of one backend. `$connect` gives the index over a world, or
/// nothing where the backend is not to be had: then nothing is tested.
macro_rules! conformance {
    ($backend:ident, $connect:expr) => {
        mod $backend {
            use super::*;
            $crate::suite::conformance!(@cases $connect;
                finds_what_was_upserted,
                scores_words_and_meaning_apart,
                what_was_prepared_counts_as_long_as_it_holds,
                finds_a_turn_by_its_words_before_it_is_embedded,
                the_best_passage_of_a_turn_counts,
                tenants_do_not_see_each_other,
                a_fork_shares_the_prefix_and_nothing_else,
                removed_turns_stay_away,
                a_removed_conversation_stays_away,
                several_conversations_are_one_corpus,
                upserts_may_come_out_of_order_and_twice,
                other_languages_are_found,
                odd_queries_find_nothing_and_do_not_fail,
            );
        }
    };
    (@cases $connect:expr; $($case:ident),* $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let world = World::new();
            let connect = $connect;
            let Some(index) = connect(&world).await else { return };
            $crate::suite::$case(&index, &world).await;
        })*
    };
}
pub(crate) use conformance;

/// The matches of the first branch.
async fn search(index: &dyn TurnIndex, branches: &[Branch], query: &IndexQuery) -> Vec<Match> {
    let found = index.search(branches, query).await.expect("search");
    assert_eq!(found.len(), branches.len());
    let matches: Vec<Match> = found.first().expect("a branch").matches.iter().collect();
    assert!(matches.is_sorted_by(|a, b| a.sequence < b.sequence), "{matches:?}");
    matches
}

/// The turn with the most of a score, and nothing if none has any.
fn best(matches: &[Match], score: impl Fn(&Match) -> f32) -> Option<Sequence> {
    let best = matches.iter().filter(|m| score(m) > 0.0);
    best.max_by(|a, b| score(a).total_cmp(&score(b))).map(|m| m.sequence)
}

fn bm25(m: &Match) -> f32 {
    m.bm25
}

fn dense(m: &Match) -> f32 {
    m.dense.unwrap_or_default()
}

fn sequences(matches: &[Match]) -> Vec<Sequence> {
    matches.iter().map(|m| m.sequence).collect()
}

pub(crate) async fn finds_what_was_upserted(index: &dyn TurnIndex, world: &World) {
    let tenant = world.tenant("acme");
    let here = [whole(&tenant, "c1")];
    assert_eq!(search(index, &here, &query("ferry")).await, []);
    let turns = vec![
        turn(1, "we take the ferry to Naxos"),
        turn(2, "the budget is two thousand euros"),
        turn(3, "remind me to water the plants"),
    ];
    world.say(index, &tenant, "c1", turns).await;
    let found = search(index, &here, &query("when does the ferry leave")).await;
    assert_eq!(best(&found, bm25), Some(1));
    let found = search(index, &here, &query("the budget is two thousand euros")).await;
    assert_eq!((best(&found, bm25), best(&found, dense)), (Some(2), Some(2)));
    let second = found.iter().find(|m| m.sequence == 2).expect("found");
    assert!((dense(second) - 1.0).abs() < 1e-3, "{second:?}");
    assert_eq!(second.passage, Some((0, "the budget is two thousand euros".len() as u32)));
    // Each turn is found as soon as its upsert returns.
    for sequence in 4..12 {
        let text = format!("parcel number {}", sequence * 1_111);
        world.say(index, &tenant, "c1", vec![turn(sequence, &text)]).await;
        let found = search(index, &here, &query(&(sequence * 1_111).to_string())).await;
        assert_eq!(best(&found, bm25), Some(sequence));
    }
}

pub(crate) async fn scores_words_and_meaning_apart(index: &dyn TurnIndex, world: &World) {
    let tenant = world.tenant("acme");
    let turns = vec![turn(1, "apples and pears"), turn(2, "trains and planes")];
    world.say(index, &tenant, "c1", turns).await;
    let here = [whole(&tenant, "c1")];
    let ask = IndexQuery {
        text: "apples".to_owned(),
        vector: Some(vector("trains and planes")),
        limit: 10,
        prepared: None,
    };
    let found = search(index, &here, &ask).await;
    assert_eq!((best(&found, bm25), best(&found, dense)), (Some(1), Some(2)));
    // Without a vector, words alone.
    let found = search(index, &here, &IndexQuery { vector: None, ..ask }).await;
    assert_eq!((best(&found, bm25), best(&found, dense)), (Some(1), None));
}

pub(crate) async fn what_was_prepared_counts_as_long_as_it_holds(
    index: &dyn TurnIndex,
    world: &World,
) {
    let tenant = world.tenant("acme");
    let turns = vec![turn(1, "apples and pears"), turn(2, "trains and planes")];
    world.say(index, &tenant, "c1", turns).await;
    world.say(index, &tenant, "c2", vec![turn(1, "apples"), turn(2, "plums")]).await;
    let (here, there) = ([whole(&tenant, "c1")], [whole(&tenant, "c2")]);
    let plain = query("apples");
    let prepared = async |branches: &[Branch]| IndexQuery {
        prepared: index.prepare(branches, "apples").await.expect("prepared"),
        ..plain.clone()
    };
    let ahead = prepared(&here).await;
    let fresh = search(index, &here, &plain).await;
    assert_eq!(search(index, &here, &ahead).await, fresh);
    assert_eq!(search(index, &here, &prepared(&there).await).await, fresh);
    // A turn that came since.
    world.say(index, &tenant, "c1", vec![turn(3, "apples, apples!")]).await;
    let found = search(index, &here, &ahead).await;
    assert_eq!(best(&found, bm25), Some(3));
    assert_eq!(found, search(index, &here, &plain).await);
}

pub(crate) async fn finds_a_turn_by_its_words_before_it_is_embedded(
    index: &dyn TurnIndex,
    world: &World,
) {
    let tenant = world.tenant("acme");
    let here = [whole(&tenant, "c1")];
    world.say(index, &tenant, "c1", vec![words_only(1, "the wifi code is 4711")]).await;
    let found = search(index, &here, &query("wifi code")).await;
    assert_eq!((best(&found, bm25), best(&found, dense)), (Some(1), None));
    world.say(index, &tenant, "c1", vec![turn(1, "the wifi code is 4711")]).await;
    let found = search(index, &here, &query("the wifi code is 4711")).await;
    assert_eq!((best(&found, bm25), best(&found, dense)), (Some(1), Some(1)));
    assert_eq!(found.len(), 1);
}

pub(crate) async fn the_best_passage_of_a_turn_counts(index: &dyn TurnIndex, world: &World) {
    let tenant = world.tenant("acme");
    let mut long = turn(1, "one thing");
    long.text = "one thing and then quite another matter".to_owned();
    let mut second = turn(1, "quite another matter").passages;
    for passage in &mut second {
        (passage.start, passage.end) = (19, 39);
    }
    long.passages.extend(second);
    world.say(index, &tenant, "c1", vec![long.clone(), turn(2, "nothing of the kind")]).await;
    let here = [whole(&tenant, "c1")];
    let found = search(index, &here, &query("quite another matter")).await;
    let best = found.iter().find(|m| m.sequence == 1).expect("found");
    assert_eq!(best.passage, Some((19, 39)));
    assert!(dense(best) > 0.99, "{best:?}");
    // Replaced by fewer passages, the old ones are gone.
    long.passages.truncate(1);
    world.say(index, &tenant, "c1", vec![long]).await;
    let found = search(index, &here, &query("quite another matter")).await;
    let best = found.iter().find(|m| m.sequence == 1).expect("found");
    assert!(dense(best) < 0.9, "{best:?}");
}

pub(crate) async fn tenants_do_not_see_each_other(index: &dyn TurnIndex, world: &World) {
    let (acme, rival) = (world.tenant("acme"), world.tenant("rival"));
    world.say(index, &acme, "c1", vec![turn(1, "our secret recipe")]).await;
    world.say(index, &rival, "c1", vec![turn(2, "their shopping list")]).await;
    let ask = query("secret recipe");
    assert_eq!(sequences(&search(index, &[whole(&rival, "c1")], &ask).await), [2]);
    assert_eq!(sequences(&search(index, &[whole(&acme, "c1")], &ask).await), [1]);
    let nobody = world.tenant("nobody");
    assert_eq!(search(index, &[whole(&nobody, "c1")], &ask).await, []);
    // Taking out one tenant's turns leaves the other's.
    world.forget(&rival, "c1", &[1, 2]);
    index.remove_conversation(&rival, &id("c1"), 1).await.expect("remove");
    assert_eq!(sequences(&search(index, &[whole(&acme, "c1")], &ask).await), [1]);
}

pub(crate) async fn a_fork_shares_the_prefix_and_nothing_else(
    index: &dyn TurnIndex,
    world: &World,
) {
    let tenant = world.tenant("acme");
    let fork = [branch(&tenant, &[("main", 1, 2), ("fork", 3, Sequence::MAX)])];
    let main = [whole(&tenant, "main")];
    let turns = vec![turn(1, "shared ocean"), turn(2, "shared river"), turn(3, "parent's lake")];
    world.say(index, &tenant, "main", turns).await;
    // In memory from here on, where the index keeps branches there.
    assert_eq!(sequences(&search(index, &fork, &query("shared")).await), [1, 2]);
    world.say(index, &tenant, "fork", vec![turn(3, "child's glacier")]).await;
    world.say(index, &tenant, "main", vec![turn(4, "parent's spring")]).await;
    let found = search(index, &fork, &query("lake spring glacier")).await;
    assert_eq!(sequences(&found), [1, 2, 3]);
    assert_eq!(best(&found, bm25), Some(3));
    assert_eq!(best(&search(index, &fork, &query("lake spring")).await, bm25), None);
    let found = search(index, &main, &query("glacier")).await;
    assert_eq!((sequences(&found), best(&found, bm25)), (vec![1, 2, 3, 4], None));
    // A change to a shared turn reaches the fork.
    world.say(index, &tenant, "main", vec![turn(1, "shared volcano")]).await;
    assert_eq!(best(&search(index, &fork, &query("volcano")).await, bm25), Some(1));
    world.forget(&tenant, "main", &[1, 3]);
    index.remove_turns(&tenant, &id("main"), &[1, 3]).await.expect("remove");
    assert_eq!(sequences(&search(index, &fork, &query("shared")).await), [2, 3]);
    assert_eq!(sequences(&search(index, &main, &query("shared")).await), [2, 4]);
}

pub(crate) async fn removed_turns_stay_away(index: &dyn TurnIndex, world: &World) {
    let tenant = world.tenant("acme");
    let here = [whole(&tenant, "c1")];
    let filler = "something long enough to be in front of what follows, ".repeat(60);
    let turns = vec![turn(1, &filler), turn(2, "my pin is 9931"), turn(3, "thanks a lot")];
    world.say(index, &tenant, "c1", turns).await;
    assert_eq!(best(&search(index, &here, &query("pin 9931")).await, bm25), Some(2));
    world.forget(&tenant, "c1", &[2]);
    index.remove_turns(&tenant, &id("c1"), &[2]).await.expect("remove");
    for ask in ["pin 9931", "my pin is 9931"] {
        let found = search(index, &here, &query(ask)).await;
        assert_eq!((sequences(&found), best(&found, bm25)), (vec![1, 3], None));
    }
    // Again, and what was never there: no error.
    index.remove_turns(&tenant, &id("c1"), &[2, 77]).await.expect("remove");
    world.say(index, &tenant, "c1", vec![turn(4, "still here")]).await;
    assert_eq!(sequences(&search(index, &here, &query("here")).await), [1, 3, 4]);
}

pub(crate) async fn a_removed_conversation_stays_away(index: &dyn TurnIndex, world: &World) {
    let tenant = world.tenant("acme");
    for name in ["c1", "c2"] {
        let turns = (1..=4).map(|n| turn(n, &format!("{name} says {n}"))).collect();
        world.say(index, &tenant, name, turns).await;
    }
    let here = [whole(&tenant, "c1")];
    assert_eq!(search(index, &here, &query("says")).await.len(), 4);
    world.forget(&tenant, "c1", &[3, 4]);
    index.remove_conversation(&tenant, &id("c1"), 3).await.expect("remove");
    assert_eq!(sequences(&search(index, &here, &query("says")).await), [1, 2]);
    world.forget(&tenant, "c1", &[1, 2]);
    index.remove_conversation(&tenant, &id("c1"), 1).await.expect("remove");
    assert_eq!(search(index, &here, &query("says")).await, []);
    assert_eq!(search(index, &[whole(&tenant, "c2")], &query("says")).await.len(), 4);
}

pub(crate) async fn several_conversations_are_one_corpus(index: &dyn TurnIndex, world: &World) {
    let tenant = world.tenant("acme");
    // "bicycle" is in every turn of one conversation and rare over both.
    world.say(index, &tenant, "c1", vec![turn(1, "red bicycle"), turn(2, "old bicycle")]).await;
    let others = (1..=8).map(|n| turn(n, &format!("red wine {n}"))).collect();
    world.say(index, &tenant, "c2", others).await;
    let (c1, c2) = (whole(&tenant, "c1"), whole(&tenant, "c2"));
    let alone = search(index, std::slice::from_ref(&c1), &query("bicycle")).await;
    let both = index.search(&[c1, c2], &query("bicycle red")).await.expect("search");
    assert_eq!(both.iter().map(|b| b.conversation.as_str()).collect::<Vec<_>>(), ["c1", "c2"]);
    let together: Vec<Match> = both.iter().flat_map(|b| b.matches.iter()).collect();
    let first = together.first().expect("found");
    assert_eq!(first.sequence, 1);
    assert!(together.iter().all(|m| m.bm25 <= first.bm25));
    let of = |matches: &[Match], n| matches.iter().find(|m| m.sequence == n).map_or(0.0, bm25);
    let rare = of(&together, 2);
    assert!(rare > of(&alone, 2), "rare over both: {rare} over {}", of(&alone, 2));
    // No branch at all: no answer, no error.
    assert!(index.search(&[], &query("bicycle")).await.expect("search").is_empty());
}

pub(crate) async fn upserts_may_come_out_of_order_and_twice(index: &dyn TurnIndex, world: &World) {
    let tenant = world.tenant("acme");
    let here = [whole(&tenant, "c1")];
    assert_eq!(search(index, &here, &query("x")).await, []);
    for sequence in [3, 1, 2, 3, 1] {
        let text = format!("marker{sequence} stone");
        world.say(index, &tenant, "c1", vec![turn(sequence, &text)]).await;
    }
    let found = search(index, &here, &query("marker1")).await;
    assert_eq!((sequences(&found), best(&found, bm25)), (vec![1, 2, 3], Some(1)));
    // Replaced by other words, the old ones are gone.
    world.say(index, &tenant, "c1", vec![turn(1, "pebble")]).await;
    assert_eq!(best(&search(index, &here, &query("marker1")).await, bm25), None);
    assert_eq!(best(&search(index, &here, &query("pebbles")).await, bm25), Some(1));
}

pub(crate) async fn other_languages_are_found(index: &dyn TurnIndex, world: &World) {
    let tenant = world.tenant("acme");
    let conversations = [
        ("zh", vec!["我想买一只小猫", "今天天气很好"], "小猫", 1),
        ("ja", vec!["明日は東京へ行きます", "昨日は雨でした"], "東京", 1),
        ("th", vec!["ฉันชอบกินข้าวผัด", "วันนี้ฝนตก"], "ข้าวผัด", 1),
        (
            "de",
            vec![
                "Gestern haben wir im Garten der Nachbarn die Äpfel von den Bäumen gepflückt.",
                "Danach waren wir müde, aber es war ein sehr schöner Tag für uns alle.",
                "Zwei Katzen",
            ],
            "Katze",
            3,
        ),
    ];
    for (name, turns, ask, expected) in conversations {
        for (at, text) in turns.iter().enumerate() {
            world.say(index, &tenant, name, vec![turn(at as u64 + 1, text)]).await;
        }
        let found = search(index, &[whole(&tenant, name)], &query(ask)).await;
        assert_eq!(best(&found, bm25), Some(expected), "{ask}");
    }
}

pub(crate) async fn odd_queries_find_nothing_and_do_not_fail(index: &dyn TurnIndex, world: &World) {
    let tenant = world.tenant("acme");
    world.say(index, &tenant, "c1", vec![turn(1, "hello there"), turn(2, "")]).await;
    let here = [whole(&tenant, "c1")];
    let long = "word ".repeat(20_000);
    for text in ["", " ", "the of and", "\u{200b}\u{feff}", "!?", "😀", &long] {
        let ask = IndexQuery { text: text.to_owned(), vector: None, limit: 10, prepared: None };
        assert_eq!(best(&search(index, &here, &ask).await, bm25), None, "{text:.20?}");
    }
    let nothing = IndexQuery { text: String::new(), vector: None, limit: 0, prepared: None };
    assert_eq!(best(&search(index, &here, &nothing).await, bm25), None);
}
