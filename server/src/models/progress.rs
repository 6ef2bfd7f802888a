//! What the operator sees while models are fetched: bars with bytes, rate and
//! time left on a terminal, plain lines elsewhere. All of it on stderr: stdout
//! is for results.

use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// How often a bar moves by itself.
const TICK: Duration = Duration::from_millis(120);

/// Where progress goes.
#[derive(Clone)]
pub enum Progress {
    /// Bars on a terminal.
    Bars(MultiProgress),
    /// A line when something starts and one when it ends.
    Lines,
    /// Nowhere.
    Silent,
}

impl Progress {
    /// Bars if stderr is a terminal, else lines.
    pub fn auto() -> Self {
        if std::io::stderr().is_terminal() { Self::Bars(MultiProgress::new()) } else { Self::Lines }
    }

    /// Begins a step; `bytes` is its size where that is known.
    pub fn step(&self, label: &str, bytes: Option<u64>) -> Step {
        let bar = match self {
            Self::Bars(bars) => {
                let bar = bars.add(bytes.map_or_else(ProgressBar::no_length, ProgressBar::new));
                bar.set_style(style(bytes.is_some()));
                bar.set_message(label.to_owned());
                bar.enable_steady_tick(TICK);
                bar
            }
            Self::Lines => {
                let size = bytes.map(|bytes| format!(" ({} MB)", bytes.div_ceil(1_000_000)));
                say(&format!("{label}{} ...", size.unwrap_or_default()));
                ProgressBar::hidden()
            }
            Self::Silent => ProgressBar::hidden(),
        };
        Step { bar, label: label.to_owned(), lines: matches!(self, Self::Lines) }
    }

    /// Says one thing.
    pub fn note(&self, text: &str) {
        match self {
            Self::Bars(bars) => {
                // A terminal that has gone is no reason to stop.
                let _ = bars.println(text);
            }
            Self::Lines => say(text),
            Self::Silent => {}
        }
    }
}

/// A step under way.
pub struct Step {
    bar: ProgressBar,
    label: String,
    lines: bool,
}

impl Step {
    /// So many bytes are done in all.
    pub fn at(&self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    /// So many bytes more are done.
    pub fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// Corrects the size once it is known.
    pub fn size(&self, bytes: u64) {
        if self.bar.length() != Some(bytes) {
            self.bar.set_length(bytes);
            self.bar.set_style(style(true));
        }
    }

    /// The step is done.
    pub fn done(self) {
        self.bar.finish_and_clear();
        if self.lines {
            say(&format!("{}: done in {:.1} s", self.label, self.bar.elapsed().as_secs_f64()));
        }
    }
}

fn style(sized: bool) -> ProgressStyle {
    let template = if sized {
        "{msg:40!} {bar:24} {bytes:>10} / {total_bytes:<10} {bytes_per_sec:>12}  {eta} left"
    } else {
        "{msg:40!} {spinner} {elapsed}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn say(text: &str) {
    // A closed stderr is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{text}");
}
