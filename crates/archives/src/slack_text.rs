//! The text of a Slack message in roomd's formatting: mentions, links, bold, struck out, emoji.
//!
//! <https://docs.slack.dev/messaging/formatting-message-text/>: `&`, `<` and `>` are escaped, and what stands between
//! angle brackets is a mention or a link. What is code stays as it is.

use super::shortcodes;

/// The text; `user` and `channel` give the names of those that are mentioned by what identifies them.
pub fn convert(text: &str, user: impl Fn(&str) -> Option<String>, channel: impl Fn(&str) -> Option<String>) -> String {
    let mut converted = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let fence = if rest.starts_with("```") { "```" } else { "`" };
        if rest.starts_with('`')
            && let Some(end) = rest[fence.len()..].find(fence)
        {
            let (code, after) = rest.split_at(end + 2 * fence.len());
            converted.push_str(&unescape(&brackets(code, &|link| plain_link(link))));
            rest = after;
            continue;
        }
        // A backquote that opens nothing is text.
        let end = rest.char_indices().skip(1).find(|(_, c)| *c == '`').map_or(rest.len(), |(at, _)| at);
        let (prose, after) = rest.split_at(end);
        converted.push_str(&convert_prose(prose, &user, &channel));
        rest = after;
    }
    converted
}

fn convert_prose(
    prose: &str,
    user: &impl Fn(&str) -> Option<String>,
    channel: &impl Fn(&str) -> Option<String>,
) -> String {
    let prose = doubled(&doubled(&shortcodes::replace(prose), '*'), '~');
    unescape(&brackets(&prose, &|link| {
        let (target, label) = match link.split_once('|') {
            Some((target, label)) => (target, Some(label)),
            None => (link, None),
        };
        match target.split_at_checked(1) {
            Some(("@", id)) => format!("@{}", user(id).or(label.map(str::to_owned)).unwrap_or_else(|| id.to_owned())),
            Some(("#", id)) => {
                format!("#{}", label.map(str::to_owned).or(channel(id)).unwrap_or_else(|| id.to_owned()))
            }
            // <!here>, <!channel>, <!subteam^S1|@team>, <!date^…|text>
            Some(("!", "here" | "channel" | "everyone")) => "@here".to_owned(),
            Some(("!", other)) => label.unwrap_or(other).to_owned(),
            _ => match label {
                Some(label) if label != target && !target.ends_with(label) => format!("[{label}]({target})"),
                _ => plain_link(link),
            },
        }
    }))
}

/// The address of a link, without its text.
fn plain_link(link: &str) -> String {
    let target = link.split('|').next().unwrap_or(link);
    target.strip_prefix("mailto:").unwrap_or(target).to_owned()
}

/// The text with what stands between angle brackets converted.
fn brackets(text: &str, convert: &dyn Fn(&str) -> String) -> String {
    let mut converted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        converted.push_str(before);
        match after.split_once('>') {
            Some((inside, after)) => {
                converted.push_str(&convert(inside));
                rest = after;
            }
            None => {
                converted.push('<');
                rest = after;
            }
        }
    }
    converted + rest
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Doubles a mark that stands around words: `*bold*` is `**bold**`.
fn doubled(text: &str, mark: char) -> String {
    let mut doubled = String::with_capacity(text.len());
    let mut rest = text;
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let is_space = |c: Option<char>| c.is_none_or(char::is_whitespace);
    while let Some(open) = rest.find(mark) {
        let (before, inside) = (&rest[..open], &rest[open + 1..]);
        let before_it = before.chars().next_back().or(doubled.chars().next_back().filter(|_| before.is_empty()));
        let close = inside.find([mark, '\n']).filter(|at| inside[*at..].starts_with(mark));
        let is_open = !is_word(before_it) && before_it != Some(mark) && !is_space(inside.chars().next());
        let closes = |at: &usize| {
            let after = inside[at + 1..].chars().next();
            *at > 0 && !is_space(inside[..*at].chars().next_back()) && !is_word(after) && after != Some(mark)
        };
        doubled.push_str(before);
        match close.filter(closes).filter(|_| is_open) {
            Some(at) => {
                let content = &inside[..at];
                doubled.extend([mark, mark]);
                doubled.push_str(content);
                doubled.extend([mark, mark]);
                rest = &inside[at + 1..];
            }
            None => {
                doubled.push(mark);
                rest = inside;
            }
        }
    }
    doubled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(text: &str) -> String {
        let user = |id: &str| (id == "U1").then(|| "anna".to_owned());
        let channel = |id: &str| (id == "C1").then(|| "general".to_owned());
        convert(text, user, channel)
    }

    #[test]
    fn mentions_and_links_are_those_of_roomd() {
        for (text, expected) in [
            ("hi <@U1>, see <#C1|general>", "hi @anna, see #general"),
            ("<@U9|otto> and <@U8> in <#C1> and <#C9>", "@otto and @U8 in #general and #C9"),
            ("<!here> <!channel> <!subteam^S1|@team> <!date^1^{date}|today>", "@here @here @team today"),
            ("<https://a.example/x?a=1&amp;b=2>", "https://a.example/x?a=1&b=2"),
            ("<https://a.example|the plan>", "[the plan](https://a.example)"),
            ("<http://a.example|a.example> <mailto:x@a.example|x@a.example>", "http://a.example x@a.example"),
            ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
            ("&amp;lt;", "&lt;"),
            ("a < b", "a < b"),
        ] {
            assert_eq!(converted(text), expected, "{text}");
        }
    }

    #[test]
    fn bold_and_struck_out_are_doubled_and_code_stays() {
        for (text, expected) in [
            ("*bold* and _it_ and ~old~", "**bold** and _it_ and ~~old~~"),
            ("2*3*4, * no *, **", "2*3*4, * no *, **"),
            ("(*a b*) *c*.", "(**a b**) **c**."),
            ("`*x* :tada:` *y*", "`*x* :tada:` **y**"),
            ("```a &lt; *b*\n<https://x.example>``` *c*", "```a < *b*\nhttps://x.example``` **c**"),
            ("`open *b*", "`open **b**"),
            ("*a\nb*", "*a\nb*"),
            ("ü`é`ß", "ü`é`ß"),
            ("", ""),
            ("`", "`"),
        ] {
            assert_eq!(converted(text), expected, "{text}");
        }
    }
}
