//! Emoji by the names that other servers give them, such as `thumbsup` in `:thumbsup:`.
//!
//! Most are those of GitHub, which the crate `emojis` has; what is not among them stays a text.

/// The emoji of this name, without its colons; a tone of skin is left out. One of the other server's own stays a text.
pub fn emoji(name: &str) -> String {
    let plain = name.split("::").next().unwrap_or(name);
    known(plain).map_or_else(|| format!(":{plain}:"), str::to_owned)
}

fn known(name: &str) -> Option<&'static str> {
    let known = |name: &str| emojis::get_by_shortcode(name).map(emojis::Emoji::as_str);
    // The names of GitHub are those of Slack and Mattermost, but for a few; and Slack has hyphens in some.
    known(name).or_else(|| known(&name.replace('-', "_"))).or(match name {
        "simple_smile" | "slightly_smiling_face" => Some("🙂"),
        "thumbs_up" => Some("👍"),
        "thumbs_down" => Some("👎"),
        "face_with_rolling_eyes" => Some("🙄"),
        "hugging_face" => Some("🤗"),
        "thinking_face" => Some("🤔"),
        "party_blob" | "partying_face" => Some("🥳"),
        _ => None,
    })
}

/// A text in which names of known emoji between colons are emoji.
pub fn replace(text: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(colon) = rest.find(':') {
        replaced.push_str(&rest[..colon]);
        rest = &rest[colon..];
        let name = rest[1..].split(':').next().unwrap_or_default();
        let is_name = |name: &str| !name.is_empty() && name.len() < 64 && !name.contains(char::is_whitespace);
        let ends = rest.as_bytes().get(1 + name.len()) == Some(&b':');
        match known(name).filter(|_| ends && is_name(name)) {
            Some(emoji) => {
                replaced.push_str(emoji);
                rest = &rest[name.len() + 2..];
            }
            None => {
                replaced.push(':');
                rest = &rest[1..];
            }
        }
    }
    replaced + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_name_is_its_emoji_and_others_stay_text() {
        for (name, shown) in [("thumbsup", "👍"), ("+1::skin-tone-3", "👍"), ("our_logo", ":our_logo:"), ("tada", "🎉")]
        {
            assert_eq!(emoji(name), shown);
        }
        assert_eq!(replace("at 10:30: :tada: :no such: :our_logo::+1:"), "at 10:30: 🎉 :no such: :our_logo:👍");
        assert_eq!(replace(":"), ":");
        assert_eq!(replace("::"), "::");
    }
}
