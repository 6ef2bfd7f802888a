//! From alarms to figures.

use serde_json::{Value, json};

use super::simulated::{Cohort, FALLS_AT};
use crate::metrics::{
    Figures,
    bootstrap::{Bootstrap, Statistic, estimate},
    share::share,
};

/// Conversations within which a fall has to be found.
const WITHIN: usize = 200;

/// What the service said of a cohort.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watched {
    pub(super) cohort: Cohort,
    /// Place from 0 of the conversation with which the alarm came.
    pub(super) alarm_at: Option<usize>,
}

impl Watched {
    /// Conversations from the fall to the alarm, the one with the alarm included;
    /// nothing without a fall, or where the alarm came before it or not at all.
    fn delay(&self) -> Option<usize> {
        let after = self.alarm_at.filter(|_| self.cohort.falls)?.checked_sub(FALLS_AT)?;
        Some(after + 1)
    }
}

/// `found@200`: share of the falls that were found within 200 conversations; an alarm
/// before the fall found nothing. `delay_p50`, `delay_p90`: conversations from the fall
/// to the alarm, of those found at all. `false_alarms`: share of the quiet cohorts with
/// an alarm. `early_alarms`: share of the others with an alarm before the fall.
pub(super) fn figures(watched: &[Watched], bootstrap: Bootstrap) -> Figures {
    let (falls, quiet): (Vec<&Watched>, Vec<&Watched>) =
        watched.iter().partition(|one| one.cohort.falls);
    let count = |of: &[&Watched], counts: &dyn Fn(&Watched) -> bool| {
        share(of.iter().filter(|one| counts(one)).count(), of.len())
    };
    let mut figures = Figures::new();
    let within = |one: &Watched| one.delay().is_some_and(|delay| delay <= WITHIN);
    let early = |one: &Watched| one.alarm_at.is_some() && one.delay().is_none();
    figures.insert(format!("found@{WITHIN}"), count(&falls, &within));
    figures.insert("early_alarms".to_owned(), count(&falls, &early));
    figures.insert("false_alarms".to_owned(), count(&quiet, &|one| one.alarm_at.is_some()));
    let delays = falls.iter().filter_map(|one| Some(vec![one.delay()? as f64]));
    let delays: Vec<Vec<f64>> = delays.collect();
    if !delays.is_empty() {
        for (name, statistic) in
            [("delay_p50", Statistic::Median), ("delay_p90", Statistic::NinetiethPercentile)]
        {
            figures.insert(name.to_owned(), estimate(&delays, statistic, bootstrap));
        }
    }
    figures
}

/// Every alarm by its cohort.
pub(super) fn alarms(watched: &[Watched]) -> Value {
    let alarmed = watched.iter().filter(|one| one.alarm_at.is_some());
    let alarm = |one: &Watched| json!({ "cohort": one.cohort.name(), "alarm_at": one.alarm_at });
    alarmed.map(alarm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_counts_after_the_fall_alone() {
        let alarms = [
            (true, Some(FALLS_AT)),
            (true, Some(FALLS_AT + 199)),
            (true, Some(FALLS_AT + 200)),
            (true, Some(FALLS_AT - 1)),
            (true, None),
            (false, Some(700)),
            (false, None),
        ];
        let watched: Vec<Watched> = (0..)
            .zip(alarms)
            .map(|(number, (falls, alarm_at))| Watched {
                cohort: Cohort { falls, number },
                alarm_at,
            })
            .collect();
        let figures = figures(&watched, Bootstrap::new(1));
        let of = |name: &str| (figures[name].value, figures[name].n);
        assert_eq!(of("found@200"), (0.4, 5));
        assert_eq!(of("early_alarms"), (0.2, 5));
        assert_eq!(of("false_alarms"), (0.5, 2));
        assert_eq!(of("delay_p50"), (200.0, 3));
        assert!((of("delay_p90").0 - 200.8).abs() < 1e-9 && of("delay_p90").1 == 3);
        assert!(figures["false_alarms"].lo < 0.5 && 0.5 < figures["false_alarms"].hi);
        assert_eq!(super::alarms(&watched).as_array().map(Vec::len), Some(5));
    }

    #[test]
    fn what_was_never_found_has_no_delay() {
        let cohort = Cohort { falls: true, number: 0 };
        let figures = figures(&[Watched { cohort, alarm_at: None }], Bootstrap::new(1));
        assert!(!figures.contains_key("delay_p50"));
        assert_eq!((figures["found@200"].value, figures["false_alarms"].n), (0.0, 0));
    }
}
