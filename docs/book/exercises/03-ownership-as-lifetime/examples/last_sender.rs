//! A thread that ends because nobody can send to it any more.

use std::sync::mpsc;
use std::thread;

// ANCHOR: main
fn main() {
    let (ann, inbox) = mpsc::channel();
    let bob = ann.clone();
    let room = thread::spawn(move || {
        for line in inbox {
            println!("{line}");
        }
        println!("nobody can say anything any more: the room ends");
    });

    ann.send("Ann: hello").expect("the room is there as long as somebody has a sender");
    drop(ann);
    bob.send("Bob: is anybody there?").expect("so it is for Bob");
    drop(bob);
    room.join().expect("the room does not panic");
}
// ANCHOR_END: main
