//! Line charts as SVG that takes its colours from the page around it.
//!
//! `html.rs` draws a handful. A plotting crate would bring fonts and colours of its own, which do not follow the reader's
//! light or dark theme; all that is needed is a scale and a polyline.

use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 28.0;
/// About how many marks an axis has.
const MARKS: f64 = 5.0;

/// The scale of one direction.
#[derive(Clone, Copy, Debug)]
pub enum Axis {
    /// From the least to the greatest value, in equal steps.
    Linear(f64, f64),
    /// From the least to the greatest value, in powers of ten.
    Logarithmic(f64, f64),
}

/// A line: its name, the number of its colour in the style sheet, and its points.
pub struct Series<'a> {
    pub name: &'a str,
    pub colour: usize,
    pub points: Vec<(f64, f64)>,
}

/// Axes with their names, and the series drawn over them.
pub struct Chart<'a> {
    pub x: Axis,
    pub y: Axis,
    /// Marks of the horizontal axis; empty: those of its scale.
    pub x_marks: Vec<(f64, String)>,
    pub x_name: &'a str,
    pub series: Vec<Series<'a>>,
}

impl Axis {
    /// From zero to a round number that is not less than any of these.
    #[must_use]
    pub fn from_zero(values: impl Iterator<Item = f64>) -> Self {
        let greatest = values.fold(0.0, f64::max);
        if greatest <= 0.0 {
            return Self::Linear(0.0, 1.0);
        }
        let step = step(greatest);
        Self::Linear(0.0, (greatest / step).ceil() * step)
    }

    /// The position of a value, from 0 to 1.
    fn share(self, value: f64) -> f64 {
        let (least, greatest, value) = match self {
            Self::Linear(least, greatest) => (least, greatest, value),
            Self::Logarithmic(least, greatest) => (least.log10(), greatest.log10(), value.max(least).log10()),
        };
        ((value - least) / (greatest - least)).clamp(0.0, 1.0)
    }

    fn marks(self) -> Vec<(f64, String)> {
        match self {
            Self::Linear(least, greatest) => {
                let step = step(greatest - least);
                let count = ((greatest - least) / step).round() as usize;
                (0..=count).map(|i| least + step * i as f64).map(|value| (value, number(value))).collect()
            }
            Self::Logarithmic(least, greatest) => {
                let (first, last) = (least.log10().ceil() as i32, greatest.log10().floor() as i32);
                (first..=last).map(|power| 10_f64.powi(power)).map(|value| (value, number(value))).collect()
            }
        }
    }
}

impl Chart<'_> {
    /// The chart as an SVG element.
    #[must_use]
    pub fn svg(&self) -> String {
        let x = |value: f64| LEFT + self.x.share(value) * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - self.y.share(value) * (HEIGHT - TOP - BOTTOM);
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">");
        let mut put = |text: String| svg.push_str(&text);
        for (value, name) in self.y.marks() {
            let at = y(value);
            put(format!("<path class=\"grid\" d=\"M{LEFT} {at:.1}H{:.1}\"/>", WIDTH - RIGHT));
            put(format!("<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>", LEFT - 8.0, at + 4.0));
        }
        let marks = if self.x_marks.is_empty() { self.x.marks() } else { self.x_marks.clone() };
        for (value, name) in marks {
            let (at, below) = (x(value), HEIGHT - BOTTOM + 16.0);
            put(format!("<text x=\"{at:.1}\" y=\"{below:.1}\" text-anchor=\"middle\">{name}</text>"));
        }
        let right = WIDTH - RIGHT;
        put(format!("<text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", HEIGHT - 1.0, self.x_name));
        for one in &self.series {
            let mut path = String::new();
            for (i, (at, value)) in one.points.iter().enumerate() {
                let command = if i == 0 { 'M' } else { 'L' };
                _ = write!(path, "{command}{:.1} {:.1}", x(*at), y(*value)); // Writing to a string cannot fail.
            }
            put(format!("<path class=\"line c{}\" d=\"{path}\"><title>{}</title></path>", one.colour, one.name));
        }
        svg.push_str("</svg>");
        svg
    }

    /// The names of the series in their colours, as HTML.
    #[must_use]
    pub fn legend(&self) -> String {
        self.series.iter().map(|one| format!("<span class=\"c{}\">{}</span>", one.colour, one.name)).collect()
    }
}

/// A round distance between marks.
fn step(range: f64) -> f64 {
    let rough = range / MARKS;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
    steps.into_iter().find(|step| *step >= rough * 0.999).unwrap_or(10.0 * power)
}

fn number(value: f64) -> String {
    match value {
        1e9.. => format!("{} G", trimmed(value / 1e9)),
        1e6.. => format!("{} M", trimmed(value / 1e6)),
        1e4.. => format!("{} k", trimmed(value / 1e3)),
        _ => trimmed(value),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_hold_everything() {
        let marks = |values: &[f64]| {
            Axis::from_zero(values.iter().copied()).marks().into_iter().map(|(_, name)| name).collect::<Vec<_>>()
        };
        assert_eq!(marks(&[7.3]), ["0", "2", "4", "6", "8"]);
        assert_eq!(marks(&[1_234_567.0]), ["0", "500 k", "1 M", "1.5 M"]);
        assert_eq!(marks(&[0.0]), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        let powers: Vec<_> = Axis::Logarithmic(0.1, 1000.0).marks().into_iter().map(|(_, name)| name).collect();
        assert_eq!(powers, ["0.1", "1", "10", "100", "1000"]);
    }

    #[test]
    fn a_line_goes_from_corner_to_corner() {
        let line = Series { name: "up", colour: 1, points: vec![(0.0, 0.0), (10.0, 5.0)] };
        let (x, y) = (Axis::Linear(0.0, 10.0), Axis::Linear(0.0, 5.0));
        let svg = Chart { x, y, x_marks: Vec::new(), x_name: "s", series: vec![line] }.svg();
        assert!(svg.contains("d=\"M64.0 192.0L708.0 12.0\""), "{svg}");
    }
}
