//! Figures as Markdown: tables that can be put into `benches/README.md` as they are.

use std::time::Duration;

/// A table under its heading.
pub struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().collect();
        assert_eq!(cells.len(), self.columns.len(), "{cells:?}");
        self.rows.push(cells);
    }

    pub fn print(&self, heading: &str) {
        println!("### {heading}\n");
        println!("| {} |", self.columns.join(" | "));
        println!("|{}", "---|".repeat(self.columns.len()));
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
        println!();
    }
}

/// A count as a number to reckon with.
pub fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// How often something happened in a second.
pub fn rate(count: usize, took: Duration) -> f64 {
    number(count) / took.as_secs_f64()
}

/// The middle one; of an even count the higher of both.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The value that `per_cent` of all do not exceed.
pub fn percentile(sorted: &[Duration], per_cent: usize) -> Duration {
    sorted[(sorted.len() * per_cent).div_ceil(100).saturating_sub(1)]
}

pub fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1_000.0)
}

/// A ratio, and whether it keeps within what is aimed at.
pub fn aimed(value: f64, at_most: f64, unit: &str) -> String {
    let verdict = if value <= at_most { "met" } else { "missed" };
    format!("{value:.1}{unit}, {verdict}")
}
