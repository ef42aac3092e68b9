//! The chart of a run as one SVG file: for each scenario and server, the CPU time of a delivery as a ratio to the bare loop.
//!
//! A mark is the median, and a line reaches from the least trial to the most; the scale is logarithmic, because the
//! servers differ by factors of ten. It has a background of its own, so that it is legible on light and dark pages.

use std::fmt::Write as _;

use crate::records::Records;
use crate::summary::{CPU, Spread, Summary};
use crate::support::server::Kind;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 130.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 64.0;
const ROW: f64 = 13.0;
const GAP: f64 = 12.0;
/// The ends of the scale, and its marks.
const LEAST: f64 = 0.25;
const MOST: f64 = 64.0;
const MARKS: [f64; 9] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
const COLOURS: [&str; 9] =
    ["#888888", "#d62728", "#1f77b4", "#9467bd", "#2ca02c", "#17becf", "#8c564b", "#e377c2", "#ff7f0e"];

/// The complete SVG file.
pub fn render(records: &Records) -> String {
    let summaries: Vec<_> = records
        .scenarios()
        .into_iter()
        .map(|scenario| Summary::named(records, scenario, &Kind::ALL))
        .filter(|summary| summary.median("bare", CPU).is_some())
        .collect();
    let rows: usize = summaries.iter().map(|summary| summary.servers.len()).sum();
    let height = TOP + rows as f64 * ROW + summaries.len() as f64 * GAP + 8.0;
    let mut text = String::new();
    put(
        &mut text,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
             font-size=\"11\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
             <text x=\"{LEFT}\" y=\"18\" font-size=\"14\" fill=\"#222222\">CPU time a delivery, as a ratio to the bare \
             loop: median, and least to most</text>\n"
        ),
    );
    for mark in MARKS {
        let (x, colour) = (position(mark), if mark == 1.0 { "#444444" } else { "#dddddd" });
        put(
            &mut text,
            format_args!(
                "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/>\n<text x=\"{x:.1}\" \
                 y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555555\">{mark}</text>\n",
                TOP - 14.0,
                height - 6.0,
                TOP - 20.0
            ),
        );
    }
    let mut y = TOP;
    for summary in &summaries {
        put(&mut text, format_args!("<text x=\"6\" y=\"{:.1}\" font-weight=\"bold\" fill=\"#222222\">", y + 4.0));
        put(&mut text, format_args!("{}</text>\n", summary.scenario));
        y = scenario(&mut text, summary, y) + GAP;
    }
    text.push_str("</svg>\n");
    text
}

/// Draws the rows of one scenario from `y` down; returns where they end.
fn scenario(text: &mut String, summary: &Summary<'_>, mut y: f64) -> f64 {
    let Some(bare) = summary.median("bare", CPU) else { return y };
    for (server, _) in &summary.servers {
        let colour = Kind::ALL.iter().position(|kind| kind.name() == server).map_or("#000000", |index| COLOURS[index]);
        let (x, weight) = (LEFT - 6.0, if server == "roomd" { "bold" } else { "normal" });
        put(
            text,
            format_args!(
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"end\" font-weight=\"{weight}\" fill=\"{colour}\">{server}\
                 </text>\n",
                y + 4.0
            ),
        );
        if let Some(Spread { median, least, most }) = summary.spread(server, CPU) {
            put(
                text,
                format_args!(
                    "<line x1=\"{:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"{colour}\" \
                     stroke-width=\"2\"/>\n<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\">\
                     <title>{server}, {}: {:.2}</title></circle>\n",
                    position(least / bare),
                    position(most / bare),
                    position(median / bare),
                    summary.scenario,
                    median / bare
                ),
            );
        }
        y += ROW;
    }
    y
}

/// The position of a ratio; one beyond an end of the scale is at that end.
fn position(ratio: f64) -> f64 {
    let share = (ratio.clamp(LEAST, MOST) / LEAST).ln() / (MOST / LEAST).ln();
    LEFT + share * (WIDTH - LEFT - RIGHT)
}

/// Writing to a string cannot fail.
fn put(text: &mut String, words: std::fmt::Arguments<'_>) {
    _ = text.write_fmt(words);
}
