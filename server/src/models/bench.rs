//! Measures the engines side by side in one run: texts a second by length and
//! batch, and the mean cosine of int8 to fp32. What the choice of the default
//! engine and precision stands on (docs/decisions/0002-embedding.md).

use std::{
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use throughline_memory::embed::{
    Embedder, Precision,
    candle::{self, ComputeDevice},
    fastembed,
};

use super::{Registry, embedding_files};

/// About as many word pieces as there are words: short and common ones.
const WORDS: &str = "we talked about the trip to the lake last summer and you said that the small \
    boat was too slow for the wind so my brother wants to buy a new one before june but the price \
    is more than we have and the bank will not help us until the house is sold";

/// Word pieces of the texts, special ones included.
const LENGTHS: [usize; 2] = [30, 200];
/// Texts in one call.
const BATCHES: [usize; 2] = [1, 32];
/// Turns of each engine for one figure.
const ROUNDS: u32 = 6;

/// Prints the table.
pub(super) fn run(
    registry: &Registry,
    dir: &Path,
    threads: usize,
    seconds: f64,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let name = &registry.default_embedding;
    let fp32 = embedding_files(registry, name, Precision::Fp32, dir)?;
    let int8 = embedding_files(registry, name, Precision::Int8, dir)?;
    let slow = candle::open(&fp32, ComputeDevice::Cpu, threads)?;
    let exact = fastembed::open(&fp32, threads)?;
    let quick = fastembed::open(&int8, threads)?;
    let engines: [(&str, &dyn Embedder); 3] =
        [("candle fp32", &slow), ("fastembed fp32", &exact), ("fastembed int8", &quick)];
    let duration = Duration::try_from_secs_f64(seconds)?;
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY);
    table.set_header(["word pieces", "batch", "engine", "texts/s", "x candle"]);
    for length in LENGTHS {
        for batch in BATCHES {
            let texts: Vec<String> = (0..batch).map(|shift| text(length, shift)).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let rates = rates(&engines, &texts, duration)?;
            let base = rates.first().copied().unwrap_or(f64::NAN);
            for ((label, _), rate) in engines.iter().zip(rates) {
                table.add_row([
                    length.to_string(),
                    batch.to_string(),
                    (*label).to_owned(),
                    format!("{rate:.0}"),
                    format!("{:.1}", rate / base),
                ]);
            }
        }
    }
    let (mean, least) = nearness(&exact, &quick)?;
    writeln!(out, "{table}")?;
    writeln!(out, "{threads} threads; cosine of int8 to fp32: mean {mean:.4}, least {least:.4}")?;
    Ok(())
}

/// A text of about `pieces` word pieces; another one for another `shift`.
fn text(pieces: usize, shift: usize) -> String {
    let words = WORDS.split_whitespace().cycle().skip(shift);
    words.take(pieces.saturating_sub(2)).collect::<Vec<_>>().join(" ")
}

/// Texts a second of each engine: the best of some rounds in which they take
/// turns, so that another program's work does not fall on one of them alone.
fn rates(
    engines: &[(&str, &dyn Embedder)],
    texts: &[&str],
    duration: Duration,
) -> anyhow::Result<Vec<f64>> {
    let mut best = vec![0.0f64; engines.len()];
    for _ in 0..ROUNDS {
        for ((_, engine), best) in engines.iter().zip(&mut best) {
            // Not timed: caches are warm for every engine alike.
            engine.embed(texts)?;
            let start = Instant::now();
            let mut done = 0usize;
            while start.elapsed() < duration / ROUNDS {
                done += engine.embed(texts)?.len();
            }
            *best = best.max(done as f64 / start.elapsed().as_secs_f64());
        }
    }
    Ok(best)
}

/// Mean and least cosine between two engines over texts of many lengths.
fn nearness(exact: &dyn Embedder, quick: &dyn Embedder) -> anyhow::Result<(f64, f64)> {
    let texts: Vec<String> = (0..60).map(|number| text(3 + number * 4, number * 7)).collect();
    let (mut sum, mut least) = (0.0, f64::MAX);
    for text in &texts {
        let (a, b) = (exact.embed(&[text])?, quick.embed(&[text])?);
        let pairs = a.iter().flat_map(|v| v.iter()).zip(b.iter().flat_map(|v| v.iter()));
        let cosine: f64 = pairs.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
        sum += cosine;
        least = least.min(cosine);
    }
    Ok((sum / texts.len() as f64, least))
}
