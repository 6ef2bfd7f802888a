//! What a result's `details` carry for its report: curves, heat maps and what
//! conversations were turn by turn, as numbers. The commands write them, `report`
//! draws them.

use serde::{Deserialize, Serialize};

use crate::metrics::bootstrap::Estimate;

/// Lines over one axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Curve {
    /// What is measured.
    pub(crate) name: String,
    /// What the axis counts.
    pub(crate) axis: String,
    /// One for each strategy.
    pub(crate) lines: Vec<CurveLine>,
}

/// One line of a curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CurveLine {
    /// Whose.
    pub(crate) strategy: String,
    /// In the order of the axis.
    pub(crate) points: Vec<Point>,
}

/// One point of a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    /// Place on the axis.
    pub(crate) x: u64,
    /// The figure there.
    #[serde(flatten)]
    pub(crate) figure: Estimate,
}

/// Shares by row and by where in the window they stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Heat {
    /// What is measured, and whose.
    pub(crate) name: String,
    /// What the columns are.
    pub(crate) columns: Vec<String>,
    /// In the order of the axis.
    pub(crate) rows: Vec<HeatRow>,
}

/// One row of a heat map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HeatRow {
    /// What the row is.
    pub(crate) label: String,
    /// Shares, 0 to 1, one for each column.
    pub(crate) shares: Vec<f64>,
    /// Looks behind the row.
    pub(crate) n: usize,
}

/// How something went in one conversation: a value for each row and each run of
/// its turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Grid {
    /// What is shown, and of which conversation.
    pub(crate) name: String,
    /// What the columns are.
    pub(crate) axis: String,
    /// The value that gets the full colour, above 0; 0 gets none.
    pub(crate) most: f64,
    /// More is worse: it is drawn in the colour of a warning.
    pub(crate) worse: bool,
    /// What each column is: a turn, or the first and the last of several.
    pub(crate) columns: Vec<String>,
    /// In the order in which they are drawn.
    pub(crate) rows: Vec<GridRow>,
}

/// One row of a grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct GridRow {
    /// What the row is.
    pub(crate) label: String,
    /// One for each column; nothing where there is nothing yet.
    pub(crate) values: Vec<Option<f64>>,
}
