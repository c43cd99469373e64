//! A table as a picture (SVG): a bar for each row, with its spread.
//!
//! A table of loads shows its first column; one that compares two brokers shows how many times Kafka's figure sendlog
//! reached, with a mark at the target. The axis is logarithmic where the figures lie far apart, and for ratios.
//!
//! Always true: each bar carries its figure in digits, so that the axis needs no labels.

use crate::number::{brief, ratio};
use crate::results::{Row, Table};
use crate::tables::{compares_brokers, first_column, more_is_better, times_kafka};
use crate::target::Target;

const WIDTH: f64 = 900.0;
const LETTER: f64 = 6.8; //    pixels of a letter of the labels, a little more than most fonts need
const FIGURES: f64 = 80.0; //  pixels for the figure behind the longest bar
const ROW: f64 = 24.0;
const TOP: f64 = 52.0;
const BLUE: &str = "#3a76c7";
const ORANGE: &str = "#c77d3a";
/// Figures that lie further apart than this need a logarithmic axis.
const LINEAR_UP_TO: f64 = 30.0;

struct Bar {
    label: String,
    figure: String,
    color: &'static str,
    value: f64,
    low: f64,
    high: f64,
    mark: Option<f64>,
}

/// `None` for a table without figures.
pub fn svg(table: &Table) -> Option<String> {
    let bars = if compares_brokers(table) { broker_bars(table) } else { row_bars(table) };
    if bars.is_empty() {
        return None;
    }
    let shown = match compares_brokers(table) {
        true => "times Kafka's figure; blue: sendlog is ahead; dashes: the target",
        false => first_column(table)?.1,
    };
    let axis = Axis::of(&bars, compares_brokers(table));
    let height = TOP + ROW * bars.len() as f64 + 12.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"12\" y=\"22\" font-size=\"14\" font-weight=\"bold\">{}</text>\n\
         <text x=\"12\" y=\"40\">{shown}</text>\n",
        escape(&table.title)
    );
    for tick in axis.ticks() {
        let x = axis.x(tick);
        let (color, bottom) = (if tick == 1.0 { "#888" } else { "#ddd" }, height - 10.0);
        svg += &format!("<path d=\"M{x:.1} {TOP}V{bottom}\" stroke=\"{color}\"/>\n");
    }
    for (index, bar) in bars.iter().enumerate() {
        svg += &draw(bar, &axis, TOP + ROW * index as f64);
    }
    Some(svg + "</svg>\n")
}

fn row_bars(table: &Table) -> Vec<Bar> {
    let Some((key, _)) = first_column(table) else { return Vec::new() };
    let bar = |row: &Row| {
        let sample = table.sample(&row.group, table.side(), key)?;
        let (value, low, high) = (sample.median(), sample.low(), sample.high());
        Some(Bar { label: row.label.clone(), figure: brief(value), color: BLUE, value, low, high, mark: None })
    };
    table.rows.iter().filter_map(bar).collect()
}

fn broker_bars(table: &Table) -> Vec<Bar> {
    let bar = |row: &Row| {
        let value = times_kafka(table, row)?;
        let target = row.words.get("target").and_then(|text| Target::parse(text));
        let mark = target.and_then(|target| target.times_kafka());
        let ahead = value >= 1.0 && more_is_better(row) || value <= 1.0 && !more_is_better(row);
        let color = if ahead { BLUE } else { ORANGE };
        Some(Bar { label: row.label.clone(), figure: ratio(value), color, value, low: value, high: value, mark })
    };
    table.rows.iter().filter_map(bar).collect()
}

/// From a figure to a place in the picture.
struct Axis {
    /// Where the labels end.
    left: f64,
    logarithmic: bool,
    low: f64,
    high: f64,
    /// Where bars begin.
    origin: f64,
}

impl Axis {
    fn of(bars: &[Bar], ratios: bool) -> Axis {
        let letters = bars.iter().map(|bar| bar.label.chars().count()).max().unwrap_or(0);
        let left = 20.0 + LETTER * letters as f64;
        let values = || bars.iter().flat_map(|bar| [Some(bar.low), Some(bar.high), bar.mark]).flatten();
        let high = values().fold(f64::MIN, f64::max).max(f64::MIN_POSITIVE);
        let low = values().filter(|value| *value > 0.0).fold(high, f64::min);
        if !ratios && high / low <= LINEAR_UP_TO {
            return Axis { left, logarithmic: false, low: 0.0, high, origin: 0.0 };
        }
        let (low, high) = (10f64.powf(low.log10().floor()), 10f64.powf(high.log10().ceil()));
        let origin = if ratios { 1.0 } else { low };
        Axis { left, logarithmic: true, low: low.min(origin), high: high.max(origin * 10.0), origin }
    }

    fn x(&self, value: f64) -> f64 {
        let share = match self.logarithmic {
            true => (value.max(self.low) / self.low).ln() / (self.high / self.low).ln(),
            false => value / self.high,
        };
        self.left + share * (WIDTH - FIGURES - self.left)
    }

    /// The powers of ten of a logarithmic axis; the origin of a linear one.
    fn ticks(&self) -> Vec<f64> {
        if !self.logarithmic {
            return vec![self.origin];
        }
        let decades = (self.high / self.low).log10().round() as i32;
        (0..=decades).map(|decade| self.low * 10f64.powi(decade)).collect()
    }
}

fn draw(bar: &Bar, axis: &Axis, top: f64) -> String {
    let (from, to) = (axis.x(axis.origin), axis.x(bar.value));
    let (left, width) = (from.min(to), (from - to).abs().max(1.0));
    let (middle, base) = (top + ROW / 2.0, top + ROW / 2.0 + 4.0);
    let mut drawn = format!(
        "<text x=\"{:.1}\" y=\"{base}\" text-anchor=\"end\">{}</text>\n\
         <rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{}\"/>\n\
         <text x=\"{:.1}\" y=\"{base}\">{}</text>\n",
        axis.left - 8.0,
        escape(&bar.label),
        top + 4.0,
        ROW - 8.0,
        bar.color,
        axis.x(bar.high).max(left + width) + 8.0,
        escape(&bar.figure),
    );
    if bar.low < bar.high {
        let (low, high) = (axis.x(bar.low), axis.x(bar.high));
        drawn += &format!("<path d=\"M{low:.1} {middle}H{high:.1}\" stroke=\"black\"/>\n");
    }
    if let Some(mark) = bar.mark {
        let x = axis.x(mark);
        drawn += &format!(
            "<path d=\"M{x:.1} {}V{}\" stroke=\"black\" stroke-width=\"2\" stroke-dasharray=\"4 2\"/>\n",
            top + 1.0,
            top + ROW - 1.0
        );
    }
    drawn
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Results;

    fn picture(text: &str) -> String {
        svg(Results::read(text).unwrap().table("t").unwrap()).unwrap()
    }

    #[test]
    fn a_bar_is_as_long_as_its_figure() {
        let text = "table\tt\tT\nrow\tt\ta\ta\nrow\tt\tb\tb\nrun\tt\ta\ts\tMB/s=50\nrun\tt\tb\ts\tMB/s=100\n";
        let picture = picture(text);
        assert!(picture.contains("width=\"396.6\"") && picture.contains("width=\"793.2\""), "{picture}");
    }

    #[test]
    fn a_ratio_starts_at_one_and_shows_its_target() {
        let text = "table\tt\tT\nrow\tt\t<a>\ta\tmetric=MB/s\ttarget=x>=10\n\
                    run\tt\ta\tkafka\tMB/s=1\nrun\tt\ta\tsendlog\tMB/s=100\n";
        let picture = picture(text);
        // From 1 to 100 on an axis of two decades: all of it; the target lies in the middle.
        assert!(picture.contains("width=\"779.6\"") && picture.contains("M430.2"), "{picture}");
        assert!(picture.contains("&lt;a&gt;"), "{picture}");
    }
}
