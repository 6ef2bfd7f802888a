//! The real engines on the real default model: the same vectors from both, near
//! ones from int8, and clear words about damaged files. Pulls the model first,
//! into `THROUGHLINE_MODELS_DIR` or `target/models`.

#![allow(missing_docs, clippy::expect_used)]

use std::{fs, path::PathBuf, sync::OnceLock};

use throughline::models::{self, Progress};
use throughline_memory::{
    embed::{
        EmbedConfig, EmbedError, EmbedService, Embedder, ModelFile, ModelFiles, Precision,
        Splitter, Vector,
        candle::{self, ComputeDevice},
        fastembed,
    },
    turn::TenantId,
};

const MODEL: &str = "all-MiniLM-L6-v2";

/// The models directory, with the default model in it.
fn dir() -> &'static PathBuf {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = std::env::var_os("THROUGHLINE_MODELS_DIR").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/models")),
            PathBuf::from,
        );
        models::ensure(&[MODEL], &dir, &Progress::Lines).expect("the default model");
        dir
    })
}

fn files(precision: Precision) -> ModelFiles {
    let registry = models::built_in().expect("models.toml");
    models::embedding_files(&registry, MODEL, precision, dir()).expect("pulled")
}

fn texts() -> Vec<String> {
    let story = "The committee met on Tuesday to discuss the bridge; nobody agreed, and the old \
                 ferry was kept running for 14 more years. ";
    let words: Vec<&str> = story.split_whitespace().cycle().take(600).collect();
    let mut texts: Vec<String> =
        [1, 2, 3, 7, 20, 60, 150, 250, 400, 600].map(|n| words[..n].join(" ")).to_vec();
    texts.extend(
        [
            "",
            " \n\t ",
            "?",
            "Grüße aus München – schön wär’s!",
            "今日は東京で会議があります。",
            "Привет, как дела?",
            "مرحبا بالعالم",
            "👩‍👩‍👧‍👦 🎉 done",
            "e\u{301}a\u{200b}b\u{feff}c",
            "SELECT * FROM t WHERE id = 42; -- \"quoted\" {json: [1, 2.5e-3]}",
        ]
        .map(str::to_owned),
    );
    texts
}

fn cosine(a: &Vector, b: &Vector) -> f64 {
    a.iter().zip(b.iter()).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

fn cosines(a: &dyn Embedder, b: &dyn Embedder, batch: usize) -> Vec<f64> {
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let run = |engine: &dyn Embedder| -> Vec<Vector> {
        let batches = texts.chunks(batch);
        batches.flat_map(|batch| engine.embed(batch).expect("vectors")).collect()
    };
    run(a).iter().zip(run(b).iter()).map(|(a, b)| cosine(a, b)).collect()
}

#[test]
fn both_engines_give_the_same_vectors() {
    let files = files(Precision::Fp32);
    let onnx = fastembed::open(&files, 2).expect("ONNX Runtime");
    let candle = candle::open(&files, ComputeDevice::Cpu, 1).expect("candle");
    for batch in [1, 20] {
        for (text, cosine) in texts().iter().zip(cosines(&onnx, &candle, batch)) {
            assert!(cosine > 0.9999, "{cosine} for {text:?} in batches of {batch}");
        }
    }
    // Alone or padded in company: the mask works.
    let texts = texts();
    let all: Vec<&str> = texts.iter().map(String::as_str).collect();
    let company = onnx.embed(&all).expect("vectors");
    for (text, padded) in all.iter().zip(&company) {
        let alone = onnx.embed(&[text]).expect("a vector");
        assert!(cosine(&alone[0], padded) > 0.9999, "{text:?}");
        assert!((cosine(padded, padded) - 1.0).abs() < 1e-5, "of length 1");
    }
}

#[test]
fn int8_is_near_and_does_not_depend_on_its_neighbours() {
    let exact = fastembed::open(&files(Precision::Fp32), 1).expect("ONNX Runtime");
    let quick = fastembed::open(&files(Precision::Int8), 1).expect("ONNX Runtime");
    assert_eq!(quick.model().precision, "int8");
    let near = cosines(&exact, &quick, 8);
    let mean = near.iter().sum::<f64>() / near.len() as f64;
    let least = near.iter().copied().fold(f64::MAX, f64::min);
    println!("cosine of int8 to fp32: mean {mean:.4}, least {least:.4}");
    assert!(mean > 0.98, "mean {mean}");
    for cosine in cosines(&quick, &quick, 1).iter().chain(&cosines(&quick, &quick, 20)) {
        assert!((cosine - 1.0).abs() < 1e-5, "{cosine}");
    }
    let texts = texts();
    let all: Vec<&str> = texts.iter().map(String::as_str).collect();
    let company = quick.embed(&all).expect("vectors");
    for (text, padded) in all.iter().zip(&company) {
        assert_eq!(&quick.embed(&[text]).expect("a vector")[0], padded, "{text:?}");
    }
}

#[test]
fn meaning_is_kept() {
    let engine = fastembed::open(&files(Precision::Int8), 1).expect("ONNX Runtime");
    let vectors = engine
        .embed(&[
            "When does our train to Berlin leave?",
            "The railway departure is at nine in the morning.",
            "I prefer my eggs without salt.",
        ])
        .expect("vectors");
    assert!(cosine(&vectors[0], &vectors[1]) > cosine(&vectors[0], &vectors[2]) + 0.2);
}

/// The file with what `change` makes of its content, somewhere else.
fn changed(file: &ModelFile, to: PathBuf, change: impl Fn(Vec<u8>) -> Vec<u8>) -> ModelFile {
    fs::write(&to, change(fs::read(&file.path).expect("read"))).expect("written");
    ModelFile { path: to, ..file.clone() }
}

#[test]
fn a_damaged_file_is_a_clear_error() {
    let scratch = tempfile::tempdir().expect("a directory");
    let at = |name: &str| scratch.path().join(name);
    let half = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() / 2);
        bytes
    };
    let whole = files(Precision::Int8);
    let onnx = whole.onnx.as_ref().expect("ONNX");
    let weights = whole.safetensors.as_ref().expect("weights");
    let damaged = [
        ModelFiles { onnx: Some(changed(onnx, at("a.onnx"), half)), ..whole.clone() },
        ModelFiles { onnx: Some(changed(onnx, at("b.onnx"), |_| Vec::new())), ..whole.clone() },
        ModelFiles { tokenizer: changed(&whole.tokenizer, at("t.json"), half), ..whole.clone() },
        ModelFiles { config: changed(&whole.config, at("c.json"), half), ..whole.clone() },
        ModelFiles { onnx: None, ..whole.clone() },
        ModelFiles {
            onnx: Some(ModelFile { path: at("absent.onnx"), sha256: String::new() }),
            ..whole.clone()
        },
    ];
    for files in damaged {
        let error = fastembed::open(&files, 1).err().expect("damaged");
        assert!(matches!(error, EmbedError::Model { .. }), "{error:?}");
        let mend = format!("run `throughline models pull {MODEL}`");
        assert!(error.to_string().ends_with(&mend), "{error}");
    }
    let files = ModelFiles {
        safetensors: Some(changed(weights, at("w.safetensors"), half)),
        ..whole.clone()
    };
    let error = candle::open(&files, ComputeDevice::Cpu, 1).err().expect("damaged");
    assert!(error.to_string().contains("w.safetensors"), "{error}");
}

#[tokio::test]
async fn the_service_embeds_every_passage_of_a_long_text() {
    let files = files(Precision::Int8);
    let splitter = Splitter::open(&files).expect("a tokenizer");
    let open = || std::sync::Arc::new(fastembed::open(&files, 1).expect("ONNX Runtime"));
    let config = EmbedConfig::default();
    let service = EmbedService::start(open(), open(), splitter, &config).expect("a service");
    let needle = "The password of the cellar is Rumpelstilzchen. ";
    let filler = "We walked along the river and spoke of nothing in particular. ";
    let text = format!("{}{needle}{}", filler.repeat(60), filler.repeat(20));
    let passages: Vec<String> =
        service.split(&text).into_iter().map(|part| text[part].to_owned()).collect();
    assert!(passages.len() > 4, "{}", passages.len());
    let tenant = TenantId::new("tenant").expect("an id");
    let vectors = service.passages(&tenant, passages.clone()).await.expect("vectors");
    let query = service.query(&tenant, "what is the cellar's password?").await.expect("a vector");
    let scores: Vec<f64> = vectors.iter().map(|vector| cosine(vector, &query)).collect();
    let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).expect("some");
    assert!(passages[best].contains("Rumpelstilzchen"), "{scores:?}");
}
