//! What the examples share: a mistake is found, made short, printed, and drawn on a page if one is asked for.

use std::path::Path;

use roomd_race::{Failure, Search, Trace, Tree, World, diagram, page, shrink};

/// Orders that are tried to make one short.
const SHORTER_MAX: usize = 10_000;
/// Orders in the tree of a page.
const TREE_MAX: usize = 500;

/// Finds a mistake and shows it; with `--html FOLDER` among the program's arguments also as a page in it. Returns the
/// order.
///
/// # Panics
/// No order fails, or the file cannot be written.
pub fn show_mistake<W: World>(title: &str, make: impl Fn() -> W) -> Failure {
    let failure = Search::default().run(&make).expect_err("the mistake is found");
    let shrunk = shrink(&make, &failure, SHORTER_MAX).failure;
    let trace = Trace::of(&make, &shrunk.order);
    println!("{title}: {shrunk}\n{}", diagram(&trace));
    let mut arguments = std::env::args().skip_while(|argument| argument != "--html").skip(1);
    if let Some(folder) = arguments.next() {
        let name = title.to_lowercase().replace([' ', ','], "-").replace("--", "-");
        let file = Path::new(&folder).join(name).with_extension("html");
        let tree = Tree::of(&Search::default(), &make, TREE_MAX);
        std::fs::create_dir_all(folder).expect("the folder can be made");
        std::fs::write(&file, page(title, "", &trace, Some(&tree))).expect("the page can be written");
        println!("{} shows it step by step\n", file.display());
    }
    shrunk
}

/// Tries every order of what is right, and says how many there are.
///
/// # Panics
/// One fails, or there are too many.
pub fn show_right<W: World>(title: &str, make: impl Fn() -> W) {
    let tried = Search::default().run(make).expect("no order fails");
    assert!(tried.whole, "too many orders to be tried whole");
    println!("{title}: {} orders, {} given up, none fails", tried.orders, tried.given_up);
}
