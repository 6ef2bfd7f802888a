//! With a scripted double of a model: what it wrote, how often it was asked.

use std::path::PathBuf;

use clap::Parser as _;
use throughline_memory::embed::{EmbedError, Embedder, EmbeddingModel, Vector};
use throughline_memory::turn::Role;
use throughline_summarizer::{
    check::Checker,
    llm::{Finish, Message},
};

use super::*;
use crate::{
    cli::{Cli, Command},
    metrics::{Samples, bootstrap::Bootstrap},
    summaries::{Checkers, Findings, items::Item, items::turn, written},
};

/// Answers one after the other, then nothing but errors; counts.
struct Scripted {
    info: ModelInfo,
    answers: Mutex<Vec<&'static str>>,
    asked: Arc<AtomicUsize>,
}

fn scripted(answers: &[&'static str]) -> (Arc<dyn ChatModel>, Arc<AtomicUsize>) {
    let info = ModelInfo {
        name: "scripted".into(),
        sha256: "ab".into(),
        engine: "double".into(),
        device: "cpu".into(),
        context_tokens: None,
        threads: None,
    };
    let asked = Arc::new(AtomicUsize::new(0));
    let answers = Mutex::new(answers.iter().rev().copied().collect());
    (Arc::new(Scripted { info, answers, asked: Arc::clone(&asked) }), asked)
}

#[async_trait]
impl ChatModel for Scripted {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn generate(&self, _: &ChatRequest, _: Option<Pieces>) -> Result<Generation, LlmError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.answers.lock().unwrap().pop();
        let text = answer.ok_or_else(|| LlmError::Engine("no more answers".into()))?;
        Ok(Generation {
            text: text.to_owned(),
            prompt_tokens: 100,
            generated_tokens: 10,
            cached_prompt_tokens: 0,
            finish: Finish::Stop,
        })
    }

    async fn score(&self, _: &ChatRequest, _: &[String]) -> Result<Vec<f64>, LlmError> {
        Err(LlmError::Cannot("the double does not score".into()))
    }
}

/// Texts are near where they share words.
struct Words(EmbeddingModel);

impl Words {
    fn shared() -> Arc<dyn Embedder> {
        Arc::new(Self(EmbeddingModel {
            name: "words".into(),
            sha256: String::new(),
            dimensions: 64,
            max_tokens: usize::MAX,
            engine: "double".into(),
            precision: "fp32".into(),
            device: "cpu".into(),
        }))
    }
}

impl Embedder for Words {
    fn model(&self) -> &EmbeddingModel {
        &self.0
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let vector = |text: &&str| -> Vector {
            let mut sum = [0.01_f32; 64];
            for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()) {
                let place = blake3::hash(word.as_bytes()).as_bytes()[0] % 64;
                sum[usize::from(place)] += 1.0;
            }
            let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
            sum.iter().map(|x| x / length).collect()
        };
        Ok(texts.iter().map(vector).collect())
    }
}

fn args(flags: &str) -> SummariesArgs {
    let line = format!("x summaries --dataset dialogsum --data d --models-dir m {flags}");
    let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
    let Command::Summaries(args) = cli.command else { panic!("another command") };
    args
}

fn dialogue() -> Item {
    Item {
        id: "one".into(),
        cluster: "one".into(),
        group: "all".into(),
        turns: vec![
            turn("Anna", "", "I booked room 214 at the Astoria for 90 dollars.", 1),
            turn("Ben", "", "The train to the Astoria leaves at nine from the north station.", 2),
            turn("Anna", "", "Thanks.", 3),
        ],
        references: vec!["Anna booked a room at the Astoria.".into()],
    }
}

async fn measured(
    model: Option<&WritingModel>,
    flags: &str,
) -> anyhow::Result<(Samples, Vec<Value>)> {
    let embedder = Words::shared();
    let checkers = Checkers(vec![Checker::bundled(Arc::clone(&embedder)).unwrap()]);
    let tools = written::Tools { checkers: &checkers, embedder: &embedder, model, judge: None };
    let mut findings = Findings::default();
    written::measure(&args(flags), &[dialogue()], &tools, &mut findings).await?;
    Ok((findings.samples, findings.lines))
}

const TWICE_WRONG: [&str; 2] = [
    "The train to the Astoria leaves at 11:45 from Paddington.",
    "The train to the Astoria leaves at 12:45 from Paddington.",
];
const FLAGS: &str = "--model scripted --budget 400 --out o.json";

#[tokio::test]
async fn what_became_of_a_models_sentences_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (model, asked) = scripted(&TWICE_WRONG);
    let model = WritingModel::new(model, &dir.path().join("a.jsonl")).unwrap();
    let (samples, lines) = measured(Some(&model), FLAGS).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    let figures = samples.figures(Bootstrap { seed: 0, resamples: 0 }, |_| true);
    let of = |name: &str| figures.get(name).map(|figure| (figure.value, figure.n));
    // Its one sentence was rejected twice, and one of the turns stands instead.
    for (name, expected) in [
        ("rejected", 1.0),
        ("accepted", 0.0),
        ("rewritten", 0.0),
        ("replaced", 1.0),
        ("fell_back", 0.0),
    ] {
        assert_eq!(of(name), Some((expected, 1)), "{name}");
    }
    assert!(of("rouge1").unwrap().0 > 0.0 && figures.contains_key("unsupported"));
    assert_eq!(lines[0]["writer"], "scripted");
    assert_eq!(lines[0]["rejected"][0]["text"], TWICE_WRONG[0]);
    assert_eq!(lines[0]["rejected"][1]["again"], true);
    let spent = model.spent();
    assert_eq!((spent.requests, spent.prompt_tokens, spent.generated_tokens), (2, 200, 20));
    assert_eq!(model.describe()["sha256"], "ab");
}

#[tokio::test]
async fn a_run_that_broke_off_asks_for_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("a.jsonl");
    // The second answer does not come.
    let (model, asked) = scripted(&TWICE_WRONG[..1]);
    let broken = WritingModel::new(model, &path).unwrap();
    measured(Some(&broken), FLAGS).await.unwrap();
    assert_eq!((asked.load(Ordering::Relaxed), broken.spent().requests), (2, 1));
    drop(broken);
    let (model, asked) = scripted(&TWICE_WRONG[1..]);
    let again = WritingModel::new(model, &path).unwrap();
    let (_, lines) = measured(Some(&again), FLAGS).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!((again.spent().requests, again.spent().generated_tokens), (2, 20));
    assert_eq!(lines[0]["rejected"][1]["text"], TWICE_WRONG[1]);
}

/// Scores, and counts.
struct Scoring(ModelInfo, Arc<AtomicUsize>);

#[async_trait]
impl ChatModel for Scoring {
    fn info(&self) -> &ModelInfo {
        &self.0
    }

    async fn generate(&self, _: &ChatRequest, _: Option<Pieces>) -> Result<Generation, LlmError> {
        Err(LlmError::Cannot("it only judges".into()))
    }

    async fn score(&self, _: &ChatRequest, texts: &[String]) -> Result<Vec<f64>, LlmError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Ok((1..=texts.len()).map(|at| -(at as f64)).collect())
    }
}

#[tokio::test]
async fn what_was_judged_is_not_judged_again() {
    let dir = tempfile::tempdir().unwrap();
    let asked = Arc::<AtomicUsize>::default();
    let of = || {
        let info = scripted(&[]).0.info().clone();
        let model = Arc::new(Scoring(info, Arc::clone(&asked)));
        WritingModel::new(model, &dir.path().join("a.jsonl")).unwrap().chat()
    };
    let request = |words: &str| {
        let message = Message::new(Role::User, words);
        ChatRequest::new(TenantId::new("t").unwrap(), "entailment 1", vec![message])
    };
    let answers = ["Yes".to_owned(), "No".to_owned()];
    for _ in 0..2 {
        let scores = of().score(&request("so?"), &answers).await.unwrap();
        assert_eq!(scores, [-1.0, -2.0]);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1, "also by another run");
    of().score(&request("and so?"), &answers).await.unwrap();
    of().score(&request("so?"), &answers[..1]).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_model_that_writes_nothing_has_no_figures() {
    let dir = tempfile::tempdir().unwrap();
    let (model, _) = scripted(&[]);
    let model = WritingModel::new(model, &dir.path().join("a.jsonl")).unwrap();
    let error = measured(Some(&model), FLAGS).await.err().unwrap().to_string();
    assert!(error.contains("scripted wrote nothing") && error.contains("no more"), "{error}");
    // Without a model nothing is said of its sentences.
    let (samples, lines) = measured(None, "--budget 400").await.unwrap();
    let figures = samples.figures(Bootstrap { seed: 0, resamples: 0 }, |_| true);
    assert!(figures.contains_key("rougeL") && !figures.contains_key("accepted"));
    assert_eq!(lines[0]["writer"], "extractive");
}

#[test]
fn what_cannot_stand_behind_a_figure_is_refused() {
    for (flags, expected) in [
        ("--model smollm2-135m-instruct --out o.json", "smoke tests only"),
        ("--model SmolLM2-360M --model-url http://h/v1 --out o.json", "smoke tests only"),
        ("--model qwen2.5-1.5b-instruct", "pass --out"),
        ("--model qwen2.5-1.5b-instruct --out o.json", "models pull"),
        ("--model-url http://h/v1 --out o.json", "needs the name"),
        ("--entailment llm --out o.json", "needs a --model"),
        ("--model smollm2-135m-instruct --entailment llm --out o.json", "smoke tests only"),
    ] {
        let error = WritingModel::open(&args(flags)).err().unwrap();
        assert!(format!("{error:#}").contains(expected), "{flags}: {error:#}");
    }
    assert!(WritingModel::open(&args("--model lead3")).unwrap().is_none());
    assert!(WritingModel::open(&args("")).unwrap().is_none());
}
