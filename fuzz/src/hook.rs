//! What comes in by a hook: the input is the body of a request.
//!
//! Exercises `wire::hook`, and what reads the body before it. Whatever the bytes, they are a message or refused; a message
//! has a name that is a name, and is not much longer than what came in.

use roomd::chat::UserName;
use roomd::wire::hook;

/// Feeds one input.
///
/// # Panics
/// When something does not hold that must.
pub fn run(input: &[u8]) {
    let Ok(message) = hook::parse(input) else { return };
    if let Some(user) = message.user {
        assert_eq!(UserName::parse(user.as_str()).as_ref(), Ok(&user), "a name is one");
    }
    // A link is shown with brackets, a field with a colon, a part on a line of its own.
    assert!(message.text.len() <= 3 * input.len() + 3, "{} bytes of {}", message.text.len(), input.len());
}
