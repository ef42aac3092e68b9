//! The pages at the end of a login: one that hands the browser its token, and one that says why there is none.
//!
//! Made here, since each is different; they look as the entry page does, and run one script of the page's own.

use super::response::Response;
use crate::auth::Claimed;
use crate::chat::Time;
use crate::net::openid::form::form;

/// The page that keeps the token in the browser and goes on to this path.
pub fn done(claimed: &Claimed, to: &str, base_path: &str) -> Response {
    let Claimed { identity, token } = claimed;
    let expires = identity.expires().unwrap_or(Time(0));
    let body = format!(
        "<h1>Logging in…</h1>\n<p role=\"status\" id=\"login\" data-name=\"{}\" data-token=\"{}\" data-expires=\"{expires}\" \
         data-to=\"{}\"></p>\n<noscript><p>This chat needs JavaScript.</p></noscript>\n\
         <script type=\"module\" src=\"{base_path}/assets/login.js\"></script>",
        escaped(identity.user.as_str()),
        escaped(token),
        escaped(to),
    );
    page(200, &body, base_path)
}

/// The page that says why there is no token, and leads back to this path, by another login at this provider or without.
pub fn failed(status: u16, message: &str, (id, to): (&str, &str), base_path: &str) -> Response {
    let again = if status == 404 {
        String::new()
    } else {
        let query = form(&[("to", to)]);
        format!("<p><a href=\"{base_path}/login/{}?{query}\">Try again</a></p>\n", escaped(id))
    };
    let body = format!(
        "<h1>You are not logged in</h1>\n<p class=\"problem\" role=\"alert\">{}.</p>\n{again}\
         <p><a href=\"{base_path}{}\">Back to the chat</a></p>",
        escaped(message),
        escaped(to),
    );
    page(status, &body, base_path)
}

fn page(status: u16, body: &str, base_path: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>roomd</title>\n\
         <link rel=\"icon\" type=\"image/svg+xml\" href=\"{base_path}/assets/favicon.svg\">\n\
         <link rel=\"stylesheet\" href=\"{base_path}/assets/style.css\">\n</head>\n\
         <body>\n<main class=\"sign-in\">\n{body}\n</main>\n</body>\n</html>\n"
    );
    Response::new(status, "text/html; charset=utf-8", html)
}

/// A text as it stands in HTML, also within quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_no_markup() {
        assert_eq!(escaped("<a href=\"x\">'&'"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;");
        let page = failed(403, "<script>", ("kc\"", "/?with=o'b&x"), "/chat");
        let page = String::from_utf8(page.bytes(super::super::response::Persistence::Close, false)).unwrap();
        assert!(page.contains("&lt;script&gt;."), "{page}");
        assert!(page.contains("href=\"/chat/login/kc&quot;?to=%2F%3Fwith%3Do%27b%26x\""), "{page}");
        assert!(page.contains("href=\"/chat/?with=o&#39;b&amp;x\""), "{page}");
    }
}
