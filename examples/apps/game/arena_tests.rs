//! The rules of the arena, a tick at a time.
//!
//! No thread, no clock: what players send is an argument.

use super::*;

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn steers(players: &[&str]) -> BTreeMap<UserName, Newest> {
    let input = Input::Steer { number: 1, heading: 0.0 };
    players.iter().map(|name| (user(name), Newest { input, count: 3 })).collect()
}

fn players(arena: &Arena) -> Vec<Option<String>> {
    let name = |snake: &Snake| snake.player.as_ref().map(|player| player.as_str().to_owned());
    arena.places.iter().flatten().map(name).collect()
}

fn arena(robots: usize) -> Arena {
    Arena::new(robots, Random::new(3))
}

/// Two snakes of players in the middle, of which each goes towards the other.
fn opposite() -> Arena {
    let mut arena = arena(0);
    arena.take(&steers(&["ann", "bob"]));
    arena.step();
    for (place, (x, heading)) in [(700.0, 0.0), (900.0, PI)].into_iter().enumerate() {
        let snake = arena.places[place].as_mut().unwrap();
        snake.trail = VecDeque::from([Point { x, y: 500.0 }]);
        (snake.heading, snake.wanted, snake.safe) = (heading, heading, 0);
    }
    arena
}

#[test]
fn a_player_takes_a_free_place_or_a_robots_and_the_fifth_watches() {
    let mut arena = arena(3);
    arena.step();
    assert_eq!(players(&arena), [None, None, None]);
    arena.take(&steers(&["ann"]));
    arena.step();
    assert_eq!(players(&arena), [None, None, None, Some("ann".into())]);
    arena.take(&steers(&["ann", "bob", "cy", "dan", "eve"]));
    arena.step();
    let now = players(&arena);
    assert!(now.iter().all(Option::is_some) && !now.contains(&Some("eve".into())), "{now:?}");
    arena.take(&BTreeMap::from([(user("bob"), Newest { input: Input::Leave, count: 1 })]));
    arena.take(&steers(&["eve"]));
    assert!(players(&arena).contains(&Some("eve".into())));
}

#[test]
fn a_player_who_is_away_comes_back_to_the_same_snake_and_nobody_has_touched_it() {
    let mut arena = opposite();
    arena.places[0].as_mut().unwrap().score = 7;
    for _ in 0..ASLEEP {
        arena.take(&steers(&["bob"]));
        arena.step();
    }
    let where_ann_is = arena.places[0].as_ref().unwrap().trail.clone();
    assert!(arena.places[0].as_ref().unwrap().is_asleep());
    for _ in 0..GONE - ASLEEP {
        arena.take(&steers(&["bob"]));
        arena.step();
    }
    let snake = arena.places[0].as_ref().unwrap();
    assert_eq!((snake.player.clone(), snake.score, &snake.trail), (Some(user("ann")), 7, &where_ann_is));
    arena.take(&steers(&["ann"]));
    arena.step();
    let snake = arena.places[0].as_ref().unwrap();
    assert!(!snake.is_asleep() && snake.score == 7 && snake.trail[1] == where_ann_is[0]);
}

#[test]
fn a_place_is_free_when_its_player_is_gone_for_too_long() {
    let mut arena = arena(0);
    arena.take(&steers(&["ann"]));
    for _ in 0..=GONE {
        arena.step();
    }
    assert_eq!(players(&arena), [Some("ann".into())]);
    arena.step();
    assert_eq!(players(&arena), [None::<String>; 0]);
}

#[test]
fn two_who_meet_head_on_both_end_and_what_they_were_is_food() {
    let mut arena = opposite();
    let food = arena.food.len();
    let step = |arena: &mut Arena| {
        arena.places.iter_mut().flatten().for_each(|snake| snake.silent = 0);
        Some(arena.step()).filter(|ended| !ended.is_empty())
    };
    let ended = (0..20).find_map(|_| step(&mut arena)).unwrap();
    assert_eq!(ended, [(user("ann"), 0), (user("bob"), 0)]);
    assert!(arena.places.iter().flatten().all(Snake::is_dead));
    assert!(arena.food.len() > food);
    arena.take(&steers(&["ann", "bob"]));
    for _ in 0..DEAD {
        arena.take(&steers(&["ann", "bob"]));
        arena.step();
    }
    assert!(arena.places.iter().flatten().all(|snake| !snake.is_dead()));
}

#[test]
fn robots_live_for_long_and_eat() {
    let mut arena = arena(4);
    let (mut ends, mut most) = (0, 0);
    for _ in 0..6_000 {
        let alive = arena.places.iter().flatten().filter(|snake| !snake.is_dead()).count();
        arena.step();
        let now = arena.places.iter().flatten().filter(|snake| !snake.is_dead()).count();
        ends += alive.saturating_sub(now);
        most = most.max(arena.places.iter().flatten().map(|snake| snake.score).max().unwrap_or(0));
        assert!(arena.food.len() <= FOOD_MAX);
        assert!(arena.places.iter().flatten().all(|snake| snake.trail.len() <= LENGTH_MAX));
    }
    assert!(most >= 10 && ends < 200, "{ends} ends in five minutes of four, the most points {most}");
}

#[test]
fn a_robot_circles_around_nothing() {
    let mut arena = arena(1);
    let mut before = (0, 0);
    for tick in 0..3_000 {
        arena.step();
        let score = arena.places[0].as_ref().map_or(0, |snake| snake.score);
        if score != before.1 {
            before = (tick, score);
        }
        assert!(tick - before.0 < 400, "nothing was eaten in twenty seconds at {score} points");
    }
}
