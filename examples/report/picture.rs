//! Bars as a picture (SVG): labels, bars with their spread, and figures.
//!
//! The axis is logarithmic where the figures lie far apart, and for ratios; bars of ratios start at one.
//!
//! Always true: each bar carries its figure in digits, so that the axis needs no labels.

const WIDTH: f64 = 900.0;
const LETTER: f64 = 6.8; //    pixels of a letter of the labels, a little more than most fonts need
const FIGURES: f64 = 80.0; //  pixels for the figure behind the longest bar
const ROW: f64 = 24.0;
const TOP: f64 = 52.0;
pub const BLUE: &str = "#3a76c7";
/// Figures that lie further apart than this need a logarithmic axis.
const LINEAR_UP_TO: f64 = 30.0;

pub struct Bar {
    pub label: String,
    pub figure: String,
    pub color: &'static str,
    pub value: f64,
    pub low: f64,
    pub high: f64,
    /// Where a dashed line goes.
    pub mark: Option<f64>,
}

/// The length of each bar, as a share of the longest that the axis has room for; and whether the axis is logarithmic.
#[allow(dead_code)] // for a terminal; pictures measure in pixels
pub fn shares(bars: &[Bar]) -> (Vec<f64>, bool) {
    let axis = Axis::of(bars, false);
    (bars.iter().map(|bar| axis.share(bar.value)).collect(), axis.logarithmic)
}

/// Title, and what the bars show.
pub fn svg(title: &str, shown: &str, bars: &[Bar], ratios: bool) -> String {
    let axis = Axis::of(bars, ratios);
    let height = TOP + ROW * bars.len() as f64 + 12.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"12\" y=\"22\" font-size=\"14\" font-weight=\"bold\">{}</text>\n\
         <text x=\"12\" y=\"40\">{}</text>\n",
        escape(title),
        escape(shown)
    );
    for tick in axis.ticks() {
        let x = axis.x(tick);
        let (color, bottom) = (if tick == 1.0 { "#888" } else { "#ddd" }, height - 10.0);
        svg += &format!("<path d=\"M{x:.1} {TOP}V{bottom}\" stroke=\"{color}\"/>\n");
    }
    for (index, bar) in bars.iter().enumerate() {
        svg += &draw(bar, &axis, TOP + ROW * index as f64);
    }
    svg + "</svg>\n"
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
        // A logarithm has no place for nothing.
        let has_nothing = bars.iter().any(|bar| bar.value == 0.0);
        if !ratios && (high / low <= LINEAR_UP_TO || has_nothing) {
            return Axis { left, logarithmic: false, low: 0.0, high, origin: 0.0 };
        }
        let (low, high) = (10f64.powf(low.log10().floor()), 10f64.powf(high.log10().ceil()));
        let origin = if ratios { 1.0 } else { low };
        Axis { left, logarithmic: true, low: low.min(origin), high: high.max(origin * 10.0), origin }
    }

    fn x(&self, value: f64) -> f64 {
        self.left + self.share(value) * (WIDTH - FIGURES - self.left)
    }

    fn share(&self, value: f64) -> f64 {
        match self.logarithmic {
            true => (value.max(self.low) / self.low).ln() / (self.high / self.low).ln(),
            false => value / self.high,
        }
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
