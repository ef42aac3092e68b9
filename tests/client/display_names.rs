//! Display names in `roomd chat`: set by one person, seen by another.

use crate::harness::TestServer;
use crate::harness::home::Home;
use crate::harness::terminal::Terminal;
use roomd::chat::UserName;

fn terminal(home: &Home, url: &str, token: &str) -> Terminal {
    let mut terminal = Terminal::chat_of(home, url, &["--room", "r", "--token-file", token], 100);
    terminal.wait_for("* You are in r with: ");
    terminal
}

#[test]
fn a_display_name_stands_beside_the_name_of_a_sender() {
    let server = TestServer::start();
    let url = server.url();
    let [first, second] = ["display-chloe", "display-bob"].map(Home::new);
    let token = |home: &Home, user: &str| {
        let claimed =
            server.engine().claim(&UserName::parse(user).unwrap(), None).unwrap_or_else(|refusal| panic!("{refusal}"));
        home.file("token", &claimed.token)
    };
    let [chloes, bobs] = [token(&first, "chloe"), token(&second, "Bob")];
    let (mut chloe, mut bob) = (terminal(&first, &url, &chloes), terminal(&second, &url, &bobs));
    chloe.wait_for("* Bob joined");
    chloe.press("/display Chloé Nguyễn\r");
    chloe.wait_for("* chloe wants to be called Chloé Nguyễn");
    bob.wait_for("* chloe wants to be called Chloé Nguyễn");
    chloe.press("hello\r");
    bob.wait_for("chloe (Chloé Nguyễn): hello");
    bob.press("/whois chloe\r");
    bob.wait_until("the answer", |screen| screen.matches("* chloe wants to be called Chloé Nguyễn").count() == 2);
    bob.press("/display chloe\r");
    bob.wait_for("Error: The name chloe is taken");
    // Who comes later knows it from the first message on that is said then.
    bob.press("/quit\r");
    bob.ended();
    let mut bob = terminal(&second, &url, &bobs);
    bob.press("/whois chloe\r");
    bob.wait_for("* chloe wants to be called Chloé Nguyễn");
    chloe.press("/display -\r");
    bob.wait_for("* chloe has no display name any more");
    chloe.press("bye\r");
    bob.wait_for("chloe: bye");
}
