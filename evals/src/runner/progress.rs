//! Progress with the time that is left, on standard error.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Two bars: turns that became searchable, and questions answered.
#[derive(Debug)]
pub(crate) struct Progress {
    turns: ProgressBar,
    questions: ProgressBar,
}

impl Progress {
    /// Bars for so many turns and questions; nothing is drawn where standard
    /// error is no terminal.
    pub(crate) fn new(turns: usize, questions: usize, unit: &str) -> Self {
        let bars = MultiProgress::new();
        let [turns, questions] = [(turns, "turns searchable"), (questions, unit)]
            .map(|(length, name)| bars.add(bar(length, name)));
        Self { turns, questions }
    }

    /// So many further turns are searchable.
    pub(crate) fn turns(&self, count: u64) {
        self.turns.inc(count);
    }

    /// A further question is answered.
    pub(crate) fn question(&self) {
        self.questions.inc(1);
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
