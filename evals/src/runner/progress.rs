//! Progress with the time that is left, on standard error: bars on a terminal, and a line
//! every half minute where it is a file or a pipe.

use std::{
    io::{IsTerminal as _, stderr},
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};

use crate::report::warn;

/// From one line to the next.
const BETWEEN_LINES: Duration = Duration::from_secs(30);

/// Two bars: turns that became searchable, and questions answered.
#[derive(Debug)]
pub(crate) struct Progress {
    turns: ProgressBar,
    questions: ProgressBar,
    /// When the last line was written; nothing on a terminal.
    line: Option<Mutex<Instant>>,
}

impl Progress {
    /// Progress over so many turns and questions.
    pub(crate) fn new(turns: usize, questions: usize, unit: &str) -> Self {
        let bars = MultiProgress::new();
        let [turns, questions] = [(turns, "turns searchable"), (questions, unit)]
            .map(|(length, name)| bars.add(bar(length, name)));
        let line = (!stderr().is_terminal()).then(|| Mutex::new(Instant::now()));
        Self { turns, questions, line }
    }

    /// So many further turns are searchable.
    pub(crate) fn turns(&self, count: u64) {
        self.turns.inc(count);
        self.write_line();
    }

    /// A further question is answered.
    pub(crate) fn question(&self) {
        self.questions.inc(1);
        self.write_line();
    }

    /// A line where no bar is drawn, not too often.
    fn write_line(&self) {
        let Some(Ok(mut last)) = self.line.as_ref().map(Mutex::lock) else { return };
        if last.elapsed() >= BETWEEN_LINES {
            *last = Instant::now();
            warn(&self.describe());
        }
    }

    /// Both in words: "120/800 turns searchable, 3/16 questions, left about 4 minutes".
    fn describe(&self) -> String {
        let of = |bar: &ProgressBar| {
            let length = bar.length().unwrap_or_default();
            (length > 0).then(|| format!("{}/{length} {}", bar.position(), bar.message()))
        };
        let known: Vec<String> =
            [of(&self.turns), of(&self.questions)].into_iter().flatten().collect();
        let is_under_way =
            |bar: &&ProgressBar| (1..bar.length().unwrap_or_default()).contains(&bar.position());
        let begun = [&self.turns, &self.questions].into_iter().find(is_under_way);
        let left = begun.map(|bar| format!(", left about {}", HumanDuration(bar.eta())));
        format!("{}{}", known.join(", "), left.unwrap_or_default())
    }
}

/// One bar, with the time that is left.
pub(crate) fn bar(length: usize, name: &str) -> ProgressBar {
    let style = "{msg:>16} {wide_bar} {pos}/{len} {per_sec} left {eta}";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length as u64).with_message(name.to_owned()).with_style(style)
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.turns.finish_and_clear();
        self.questions.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        let progress = Progress::new(8, 0, "questions");
        assert_eq!(progress.describe(), "0/8 turns searchable");
        progress.turns(2);
        assert!(progress.describe().starts_with("2/8 turns searchable, left about "));
        let both = Progress::new(8, 3, "foldings");
        both.turns(8);
        assert_eq!(both.describe(), "8/8 turns searchable, 0/3 foldings");
        both.question();
        assert!(both.describe().starts_with("8/8 turns searchable, 1/3 foldings, left about "));
    }
}
