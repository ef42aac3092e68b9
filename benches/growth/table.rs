//! A table in Markdown, which is legible on a terminal too.
//!
//! Each part of the bench fills one: a row for each size.

/// Headings, and rows with a cell for each.
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table under a title and a sentence that says what to look for.
    pub fn render(&self, title: &str, sentence: &str) -> String {
        let rule = "---|".repeat(self.headings.len());
        let mut text = format!("\n### {title}\n\n{sentence}\n\n| {} |\n|{rule}\n", self.headings.join(" | "));
        for row in &self.rows {
            text += &format!("| {} |\n", row.join(" | "));
        }
        text
    }
}
