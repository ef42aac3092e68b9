//! What comes in by a hook, in the shape that Slack and Mattermost made usual: an object with `text`, `username` and
//! `attachments`, as JSON or as the field `payload` of a form; and the message that it makes.
//!
//! Pure and total. What other software marks up is made readable as plain text: links show where they lead, the fields
//! of an attachment stand on lines of their own. What a plain text cannot show, such as colours and buttons, is left out.

use serde::Deserialize;
use serde_json::Value;

use super::json::problem;
use crate::chat::{Refusal, UserName};
use roomd_protocol::USER_CHARS_MAX;

/// What came in by a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookMessage {
    /// The text of the message, as it is shown; may be empty.
    pub text: String,
    /// The name under which it asks to be shown, if that can be a name here.
    pub user: Option<UserName>,
}

#[derive(Deserialize)]
struct Payload {
    text: Option<String>,
    username: Option<String>,
    attachments: Option<Vec<Attachment>>,
    blocks: Option<Vec<Block>>,
}

#[derive(Deserialize)]
struct Attachment {
    fallback: Option<String>,
    pretext: Option<String>,
    author_name: Option<String>,
    title: Option<String>,
    title_link: Option<String>,
    text: Option<String>,
    fields: Option<Vec<Field>>,
    footer: Option<String>,
    blocks: Option<Vec<Block>>,
}

#[derive(Deserialize)]
struct Field {
    title: Option<String>,
    value: Option<Value>,
}

/// A block of Slack's Block Kit, as far as it has text.
#[derive(Deserialize)]
struct Block {
    text: Option<Value>,
    fields: Option<Vec<Value>>,
    elements: Option<Vec<Value>>,
}

/// Reads a body: JSON, or a form with the field `payload`.
///
/// # Errors
/// `bad_request`: it is neither, or has another shape.
pub fn parse(body: &[u8]) -> Result<HookMessage, Refusal> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let from_form;
    let json = if body.trim_ascii_start().starts_with(b"{") {
        body
    } else {
        from_form = payload_of_form(body)?;
        from_form.as_bytes()
    };
    let read = problem::object(json);
    let payload: Payload =
        read.map_err(|problem| Refusal::bad_request(format!("The body is not understood: {problem}")))?;
    Ok(HookMessage { text: shown(&payload), user: payload.username.as_deref().and_then(name) })
}

/// The field `payload` of a form, `application/x-www-form-urlencoded` (URL Standard §5.1).
fn payload_of_form(body: &[u8]) -> Result<String, Refusal> {
    let bad = || Refusal::bad_request("The body is a JSON object, or a form with one as its field payload");
    let body = std::str::from_utf8(body).map_err(|_| bad())?;
    let field = body.trim().split('&').find_map(|field| field.strip_prefix("payload=")).ok_or_else(bad)?;
    percent_decode(&field.replace('+', " ")).ok_or_else(bad)
}

/// The text with each `%` and its two digits as a byte; `None` if that is not UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match escaped.filter(|_| byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) => {
                decoded.push(escaped);
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).ok()
}

/// The name that a text can be: what a name may not have is a hyphen, and what is too long is cut.
fn name(text: &str) -> Option<UserName> {
    let is_refused = |c: char| c.is_whitespace() || c.is_control() || "/?#:".contains(c);
    let text: String = text.trim().chars().map(|c| if is_refused(c) { '-' } else { c }).take(USER_CHARS_MAX).collect();
    UserName::parse(&text).ok()
}

fn shown(payload: &Payload) -> String {
    let mut lines = Vec::new();
    let before = lines.len();
    payload.blocks.iter().flatten().for_each(|block| block_lines(block, &mut lines));
    if lines.len() == before {
        // Where there are blocks, the text is what is shown in their place.
        push(&mut lines, payload.text.as_deref());
    }
    payload.attachments.iter().flatten().for_each(|attachment| attachment_lines(attachment, &mut lines));
    lines.join("\n")
}

fn attachment_lines(attachment: &Attachment, lines: &mut Vec<String>) {
    let before = lines.len();
    push(lines, attachment.pretext.as_deref());
    push(lines, attachment.author_name.as_deref());
    match (&attachment.title, &attachment.title_link) {
        (Some(title), Some(link)) if !link.trim().is_empty() => push(lines, Some(&format!("{title} ({link})"))),
        (title, _) => push(lines, title.as_deref()),
    }
    push(lines, attachment.text.as_deref());
    for Field { title, value } in attachment.fields.iter().flatten() {
        let (title, value) =
            (title.as_deref().unwrap_or_default().trim(), value.as_ref().map(plain).unwrap_or_default());
        match (title.is_empty(), value.trim().is_empty()) {
            (false, false) => push(lines, Some(&format!("{title}: {}", value.trim()))),
            _ => push(lines, Some(&format!("{title}{}", value.trim()))),
        }
    }
    attachment.blocks.iter().flatten().for_each(|block| block_lines(block, lines));
    push(lines, attachment.footer.as_deref());
    if lines.len() == before {
        push(lines, attachment.fallback.as_deref());
    }
}

fn block_lines(block: &Block, lines: &mut Vec<String>) {
    let fields = block.fields.iter().flatten();
    let elements = block.elements.iter().flatten();
    for part in block.text.iter().chain(fields).chain(elements) {
        push(lines, Some(&plain(part)));
    }
}

/// The text of a value: itself, or that of a text object `{"type": …, "text": …}`.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(bool) => bool.to_string(),
        Value::Object(object) => match object.get("text") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Object(inner)) => inner.get("text").and_then(Value::as_str).unwrap_or_default().to_owned(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

fn push(lines: &mut Vec<String>, text: Option<&str>) {
    let text = readable(&text.unwrap_or_default().trim().replace("\r\n", "\n"));
    if !text.is_empty() {
        lines.push(text);
    }
}

/// A text without Slack's marks: `<https://a.org|here>` is `here (https://a.org)`, `<@U1|ann>` is `@ann`, and `&amp;`,
/// `&lt;` and `&gt;` are characters. What is in angle brackets and no mark stays as it is.
fn readable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find('<') {
        out.push_str(&unescaped(&rest[..begin]));
        let behind = &rest[begin + 1..];
        let marked = behind.find(['>', '<', '\n']).filter(|end| behind[*end..].starts_with('>'));
        match marked.and_then(|end| Some((mark(&behind[..end])?, end))) {
            Some((text, end)) => {
                out.push_str(&unescaped(&text));
                rest = &behind[end + 1..];
            }
            None => {
                out.push('<');
                rest = behind;
            }
        }
    }
    out.push_str(&unescaped(rest));
    out
}

/// What a mark in angle brackets says; `None`: it is none.
fn mark(mark: &str) -> Option<String> {
    let (target, label) = mark.split_once('|').map_or((mark, None), |(target, label)| (target, Some(label)));
    let label = label.filter(|label| !label.is_empty());
    if ["http://", "https://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) {
        return Some(match label {
            Some(label) if label != target && target.strip_prefix("mailto:") != Some(label) => {
                format!("{label} ({target})")
            }
            _ => target.strip_prefix("mailto:").unwrap_or(target).to_owned(),
        });
    }
    match target.chars().next()? {
        '@' => Some(format!("@{}", label.unwrap_or(&target[1..]).trim_start_matches('@'))),
        '#' => Some(format!("#{}", label.unwrap_or(&target[1..]).trim_start_matches('#'))),
        '!' => Some(format!("@{}", label.unwrap_or(&target[1..]).trim_start_matches('@'))),
        _ => None,
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> String {
        parse(json.as_bytes()).unwrap().text
    }

    #[test]
    fn a_text_is_shown_without_marks() {
        for (marked, shown) in [
            ("Build <https://ci.example/7|#7> failed", "Build #7 (https://ci.example/7) failed"),
            ("<https://a.org>", "https://a.org"),
            ("<https://a.org|https://a.org>", "https://a.org"),
            ("<mailto:a@b.c|a@b.c>", "a@b.c"),
            ("<!here> <@U012|ann> <#C1|ops>", "@here @ann #ops"),
            ("1 &lt; 2 &amp;&amp; 3 &gt; 2, &amp;lt;", "1 < 2 && 3 > 2, &lt;"),
            ("a < b > c <b>bold</b> <", "a < b > c <b>bold</b> <"),
            ("<https://a.org\n|x>", "<https://a.org\n|x>"),
            (" title\r\nbody\n", "title\nbody"),
        ] {
            let json = serde_json::json!({ "text": marked }).to_string();
            assert_eq!(text(&json), shown, "{marked}");
        }
    }

    #[test]
    fn an_attachment_is_lines() {
        let json = r#"{"text":"Deploy","attachments":[{"fallback":"no","pretext":"before","author_name":"CI","title":"Run 7",
            "title_link":"https://ci/7","text":"it failed","color":"danger","fields":[{"title":"Branch","value":"main","short":true},
            {"title":"Tries","value":3},{"value":"alone"}],"footer":"ci"},{"fallback":"only this"}]}"#;
        let shown = "Deploy\nbefore\nCI\nRun 7 (https://ci/7)\nit failed\nBranch: main\nTries: 3\nalone\nci\nonly this";
        assert_eq!(text(json), shown);
    }

    #[test]
    fn blocks_are_shown_in_place_of_the_text() {
        let json = r#"{"text":"instead","blocks":[{"type":"header","text":{"type":"plain_text","text":"Head"}},{"type":"divider"},
            {"type":"section","text":{"type":"mrkdwn","text":"<https://a|b>"},"fields":[{"type":"mrkdwn","text":"one"}]},
            {"type":"context","elements":[{"type":"mrkdwn","text":"small"},{"type":"image","image_url":"x"}]}]}"#;
        assert_eq!(text(json), "Head\nb (https://a)\none\nsmall");
        assert_eq!(text(r#"{"text":"instead","blocks":[{"type":"divider"}]}"#), "instead");
    }

    #[test]
    fn a_form_has_the_object_as_its_payload() {
        let form = "payload=%7B%22text%22%3A%22a+b%25%22%2C%22username%22%3A%22My+Bot%22%7D&x=y";
        let message = parse(form.as_bytes()).unwrap();
        assert_eq!((message.text.as_str(), message.user.unwrap().as_str()), ("a b%", "My-Bot"));
        assert_eq!(parse("\u{feff} {\"text\":\"x\"}".as_bytes()).unwrap().text, "x");
    }

    #[test]
    fn what_has_another_shape_is_refused() {
        for body in
            ["", "hello", "[]", "payload=", "payload=[]", "payload=%ff", "{\"text\":1}", "{\"attachments\":{}}", "{"]
        {
            assert!(parse(body.as_bytes()).is_err(), "{body:?}");
        }
        // Nothing to show is the room's to refuse.
        assert_eq!(text("{}"), "");
    }

    #[test]
    fn a_name_is_made_to_fit() {
        let user = |name: &str| {
            let json = serde_json::json!({ "text": "x", "username": name }).to_string();
            parse(json.as_bytes()).unwrap().user.map(|user| user.to_string())
        };
        assert_eq!(user(" A b:c "), Some("A-b-c".to_owned()));
        assert_eq!(user(&"x".repeat(99)), Some("x".repeat(32)));
        assert_eq!((user(""), user("Error"), user("\u{200b}")), (None, None, None));
    }
}
