//! Statistics of measured durations.

/// Durations in milliseconds, sorted.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<f64>);

impl Times {
    pub fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    pub fn median(&self) -> f64 {
        match self.0.len() {
            0 => f64::NAN,
            odd if odd % 2 == 1 => self.0[odd / 2],
            even => f64::midpoint(self.0[even / 2 - 1], self.0[even / 2]),
        }
    }

    /// Returns the 99th percentile.
    pub fn p99(&self) -> f64 {
        let above = self.0.len() / 100;
        self.0.len().checked_sub(1 + above).map_or(f64::NAN, |index| self.0[index])
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the median; with 100 or more durations, followed by the 99th percentile in parentheses.
    pub fn to_text(&self) -> String {
        if self.count() < 100 {
            format!("{:.1}", self.median())
        } else {
            format!("{:.1} ({:.1})", self.median(), self.p99())
        }
    }
}

pub fn milliseconds_since(since: std::time::Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
