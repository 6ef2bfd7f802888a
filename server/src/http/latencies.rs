//! How long windows took, as a histogram that was counted elsewhere.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Unit,
};
use throughline_memory::degradation::{LATENCY_BOUNDS, Latencies};

use super::metrics::Labels;

/// The times of each row, told under one name.
#[derive(Debug)]
pub(super) struct Times {
    /// Without the unit, which is seconds.
    pub(super) name: &'static str,
    /// What took the time.
    pub(super) help: &'static str,
    /// By label.
    pub(super) rows: Vec<(Labels, Latencies)>,
}

impl Collector for Times {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (unit, help) = (Unit::Seconds, format!("{}.", self.help));
        let mut times =
            encoder.encode_descriptor(self.name, &help, Some(&unit), MetricType::Histogram)?;
        for (labels, latencies) in &self.rows {
            // The largest number stands for what has no upper end.
            let bounds = LATENCY_BOUNDS.into_iter().chain([f64::MAX]);
            let classes: Vec<(f64, u64)> = bounds.zip(latencies.counts).collect();
            let (sum, count) = (latencies.sum, latencies.count());
            let mut row = times.encode_family(labels)?;
            row.encode_histogram::<NoLabelSet>(sum, count, &classes, None)?;
        }
        Ok(())
    }
}
