//! A trace as one HTML page: lanes, the state beside each step, and the tree of the orders that were tried.
//!
//! The page is `page.html`, with the trace in it as JSON. No text of a trace can end the script, or begin markup.

use serde_json::json;

use super::trace::Trace;
use super::tree::Tree;

/// A page that shows a trace, step by step: forwards and backwards with the arrow keys. It loads nothing from elsewhere.
///
/// `about` stands above it, if it is not empty; `tree` is shown below it, if there is one.
#[must_use]
pub fn page(title: &str, about: &str, trace: &Trace, tree: Option<&Tree>) -> String {
    let state = |state: &[(String, String)]| state.iter().map(|(name, value)| json!([name, value])).collect::<Vec<_>>();
    let steps = trace.steps.iter().map(|traced| {
        let step = &traced.step;
        json!({
            "actor": traced.actor, "text": step.text(), "section": step.section(), "to": step.to(), "from": step.from(),
            "state": state(&traced.state),
        })
    });
    let tree = tree.map(|tree| {
        let tried = tree.tried;
        json!({
            "root": tree.json(), "orders": tried.orders, "given_up": tried.given_up, "whole": tried.whole,
            "failing": tree.failing,
        })
    });
    let data = json!({
        "title": title, "about": about, "actors": trace.actors(), "initial": state(&trace.initial), "steps": steps.collect::<Vec<_>>(),
        "wrong": trace.result.as_ref().err(), "tree": tree,
    });
    // Inside a script element: no text may end it, or begin a comment.
    let data = data.to_string().replace('<', "\\u003c");
    include_str!("page.html").replacen("TITLE", &escaped(title), 1).replacen("DATA", &data, 1)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
