//! Measures a language model: tokens a second when a prompt is read and when an
//! answer is generated (docs/llm.md).

use std::{io::Write, path::Path};

use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use throughline_summarizer::llm::{DeviceChoice, LocalModel};

use super::{Registry, llm_file};

/// Tokens of the prompt.
const PROMPT: usize = 512;
/// Tokens generated behind it.
const GENERATE: usize = 64;
/// Times that both are measured; the best counts, since another program's work
/// can only make them slower.
const ROUNDS: usize = 3;

/// Prints the table.
pub(super) fn run(
    registry: &Registry,
    name: &str,
    dir: &Path,
    device: DeviceChoice,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let file = llm_file(registry, name, dir)?;
    let model = LocalModel {
        name: name.to_owned(),
        path: file.path,
        sha256: file.sha256,
        device,
        context_tokens: PROMPT + GENERATE,
    };
    let (info, speed) = model.measure(PROMPT, GENERATE, ROUNDS)?;
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY);
    table.set_header(["model", "device", "threads", "prompt tokens/s", "generated tokens/s"]);
    table.add_row([
        info.name,
        info.device,
        info.threads.map_or_else(|| "–".to_owned(), |threads| threads.to_string()),
        format!("{:.1}", speed.prompt),
        format!("{:.1}", speed.generation),
    ]);
    writeln!(out, "{table}\nprompt {PROMPT}, generated {GENERATE}, best of {ROUNDS}")?;
    Ok(())
}
