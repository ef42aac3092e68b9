//! The rules: four places, the snakes in them, food, and what a tick does. Pure: what players want goes in, what the page draws
//! and who has made how many points comes out.
//!
//! A place belongs to a player by name. Whoever sends nothing for half a second sleeps: their snake stands, and nobody touches it,
//! until they are back, or for fifteen seconds, after which the place is free. Robots take places that nobody has.

use std::collections::{BTreeMap, VecDeque};
use std::f32::consts::PI;

use roomd::chat::UserName;

use crate::inputs::Newest;
use crate::random::Random;
use crate::robot;
use crate::wire::Input;

pub const PLACES: usize = 4;
pub const WIDTH: f32 = 1_600.0;
pub const HEIGHT: f32 = 1_000.0;
/// How far a snake goes in a tick: less than 128, so that the way is a byte.
const STEP: f32 = 8.0;
/// How far it can turn in a tick, in radians.
const TURN: f32 = 0.36;
/// Half of its width.
pub const RADIUS: f32 = 9.0;

const LENGTH: usize = 24;
const LENGTH_MAX: usize = 160;
/// Points that a snake grows by what it eats.
const GROWTH: usize = 4;
const FOOD: usize = 12;
const FOOD_MAX: usize = 60;
/// How near food has to be: more than the radius of its narrowest turn, or it would circle around it for ever.
const FOOD_REACH: f32 = RADIUS + 14.0;
/// Ticks without an input after which a player sleeps, and after which the place is free.
const ASLEEP: u32 = 10;
const GONE: u32 = 300;
/// Ticks between the end of a snake and its next beginning, and those in which a new one is safe.
const DEAD: u32 = 30;
const SAFE: u32 = 40;
/// Ticks over which inputs are counted.
const COUNTED: u64 = 20;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub x: f32,
    pub y: f32,
}

impl Point {
    pub fn to(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    pub fn ahead(self, heading: f32, distance: f32) -> Self {
        Self { x: self.x + heading.cos() * distance, y: self.y + heading.sin() * distance }
    }

    /// Whether a snake may be here: not in the wall.
    pub fn is_inside(self) -> bool {
        (RADIUS..=WIDTH - RADIUS).contains(&self.x) && (RADIUS..=HEIGHT - RADIUS).contains(&self.y)
    }
}

pub struct Snake {
    /// Whose it is; `None`: a robot's.
    pub player: Option<UserName>,
    /// Where it has been, the head first; empty while it is dead.
    pub trail: VecDeque<Point>,
    pub heading: f32,
    wanted: f32,
    length: usize,
    /// What it has eaten in this life.
    pub score: u16,
    /// The number of the newest input that is carried out.
    pub input: u16,
    /// Inputs of the last second, and of this one so far.
    pub inputs: u16,
    counting: u16,
    /// Ticks since the last input.
    silent: u32,
    /// Ticks until it begins again, and until it is no longer safe.
    dead: u32,
    safe: u32,
}

impl Snake {
    pub fn is_dead(&self) -> bool {
        self.trail.is_empty()
    }

    pub fn is_asleep(&self) -> bool {
        self.player.is_some() && self.silent >= ASLEEP
    }

    /// Whether others go through it, and it through them.
    pub fn is_safe(&self) -> bool {
        self.safe > 0 || self.is_asleep()
    }

    fn new(player: Option<UserName>) -> Self {
        let (trail, heading, wanted) = (VecDeque::new(), 0.0, 0.0);
        let (score, input, inputs, counting, silent, dead, safe) = (0, 0, 0, 0, 0, 0, 0);
        Self { player, trail, heading, wanted, length: LENGTH, score, input, inputs, counting, silent, dead, safe }
    }

    fn begin(&mut self, at: Point) {
        // Towards the middle, away from the wall.
        self.heading = (HEIGHT / 2.0 - at.y).atan2(WIDTH / 2.0 - at.x);
        (self.wanted, self.length, self.score, self.safe) = (self.heading, LENGTH, 0, SAFE);
        self.trail = VecDeque::from([at]);
    }

    fn go(&mut self) {
        let turn = (self.wanted - self.heading + PI).rem_euclid(2.0 * PI) - PI;
        self.heading = (self.heading + turn.clamp(-TURN, TURN)).rem_euclid(2.0 * PI);
        if let Some(head) = self.trail.front() {
            self.trail.push_front(head.ahead(self.heading, STEP));
        }
        self.trail.truncate(self.length);
        self.safe = self.safe.saturating_sub(1);
    }
}

pub struct Arena {
    pub places: [Option<Snake>; PLACES],
    pub food: Vec<Point>,
    pub tick: u64,
    robots: usize,
    random: Random,
}

impl Arena {
    pub fn new(robots: usize, random: Random) -> Self {
        Self { places: Default::default(), food: Vec::new(), tick: 0, robots, random }
    }

    /// What players want: the newest input of each since the last tick. One who has no place is given one, if there is one that
    /// no other player has.
    pub fn take(&mut self, inputs: &BTreeMap<UserName, Newest>) {
        for (player, newest) in inputs {
            let Some(place) = self.place_of(player, newest.input) else { continue };
            let Input::Steer { number, heading } = newest.input else {
                self.places[place] = None;
                continue;
            };
            let snake = self.places[place].get_or_insert_with(|| Snake::new(Some(player.clone())));
            (snake.input, snake.wanted, snake.silent) = (number, heading, 0);
            snake.counting = snake.counting.saturating_add(newest.count);
        }
    }

    /// The place of a player; for one who steers and has none, one that is made free.
    fn place_of(&mut self, player: &UserName, input: Input) -> Option<usize> {
        let is_theirs = |place: &Option<Snake>| place.as_ref().and_then(|snake| snake.player.as_ref()) == Some(player);
        if let Some(place) = self.places.iter().position(is_theirs) {
            return Some(place);
        }
        if input == Input::Leave {
            return None;
        }
        let is_free = |place: &Option<Snake>| place.is_none();
        let is_robot = |place: &Option<Snake>| place.as_ref().is_some_and(|snake| snake.player.is_none());
        let free = self.places.iter().position(is_free).or_else(|| self.places.iter().position(is_robot))?;
        self.places[free] = None;
        Some(free)
    }

    /// One tick. Returns how many points each player has made whose snake has ended.
    pub fn step(&mut self) -> Vec<(UserName, u16)> {
        self.tick += 1;
        self.fill_places();
        self.drive_robots();
        self.begin_again();
        let mut ended = Vec::new();
        for snake in self.places.iter_mut().flatten() {
            snake.silent = snake.silent.saturating_add(1);
            if self.tick.is_multiple_of(COUNTED) {
                snake.inputs = std::mem::take(&mut snake.counting);
            }
            if !snake.is_dead() && !snake.is_asleep() {
                snake.go();
            }
        }
        self.eat();
        for place in self.collisions() {
            ended.extend(self.kill(place));
        }
        ended
    }

    /// Frees the places of those who are gone, and has robots play where nobody does.
    fn fill_places(&mut self) {
        for place in &mut self.places {
            if place.as_ref().is_some_and(|snake| snake.player.is_some() && snake.silent > GONE) {
                *place = None;
            }
        }
        let taken = self.places.iter().flatten().count();
        for place in self.places.iter_mut().filter(|place| place.is_none()).take(self.robots.saturating_sub(taken)) {
            *place = Some(Snake::new(None));
        }
        while self.food.len() < FOOD {
            let at = self.somewhere(60);
            self.food.push(at);
        }
    }

    fn drive_robots(&mut self) {
        for place in 0..PLACES {
            let Some(snake) = &self.places[place] else { continue };
            if snake.player.is_some() || snake.is_dead() {
                continue;
            }
            let wanted = robot::heading(self, place);
            if let Some(snake) = &mut self.places[place] {
                snake.wanted = wanted;
            }
        }
    }

    /// Snakes that have been dead for long enough begin where the others are far.
    fn begin_again(&mut self) {
        for place in 0..PLACES {
            let Some(snake) = &mut self.places[place] else { continue };
            if !snake.is_dead() {
                continue;
            }
            snake.dead = snake.dead.saturating_sub(1);
            if snake.dead == 0 && !snake.is_asleep() {
                let candidates = [(); 8].map(|()| self.somewhere(160));
                let room = |at: &Point| self.bodies(place).map(|other| other.to(*at)).fold(f32::MAX, f32::min);
                let best = candidates.into_iter().max_by(|one, other| room(one).total_cmp(&room(other)));
                if let (Some(snake), Some(at)) = (&mut self.places[place], best) {
                    snake.begin(at);
                }
            }
        }
    }

    fn eat(&mut self) {
        for snake in self.places.iter_mut().flatten().filter(|snake| !snake.is_asleep()) {
            let Some(&head) = snake.trail.front() else { continue };
            let before = self.food.len();
            self.food.retain(|food| food.to(head) > FOOD_REACH);
            let eaten = before - self.food.len();
            snake.score = snake.score.saturating_add(u16::try_from(eaten).unwrap_or(0));
            snake.length = (snake.length + eaten * GROWTH).min(LENGTH_MAX);
        }
    }

    /// The places of the snakes that have run into something in this tick, all judged by the same state.
    fn collisions(&self) -> Vec<usize> {
        let hits = |place: &usize| {
            let Some(snake) = &self.places[*place] else { return false };
            let Some(&head) = snake.trail.front() else { return false };
            let hits_body = || self.bodies(*place).any(|point| point.to(head) < 1.8 * RADIUS);
            !snake.is_asleep() && (!head.is_inside() || (!snake.is_safe() && hits_body()))
        };
        (0..PLACES).filter(hits).collect()
    }

    /// All points that a snake in this place may not touch: those of the others, but for who is safe.
    pub fn bodies(&self, place: usize) -> impl Iterator<Item = Point> {
        let others = self.places.iter().enumerate().filter(move |(at, _)| *at != place);
        let dangerous = others.filter_map(|(_, snake)| snake.as_ref()).filter(|snake| !snake.is_safe());
        dangerous.flat_map(|snake| snake.trail.iter().copied())
    }

    /// Ends a snake: every fourth point of it is food. Returns its player and points.
    fn kill(&mut self, place: usize) -> Option<(UserName, u16)> {
        let snake = self.places[place].as_mut()?;
        let left = std::mem::take(&mut snake.trail);
        snake.dead = DEAD;
        let space = FOOD_MAX.saturating_sub(self.food.len());
        self.food.extend(left.into_iter().skip(1).step_by(4).filter(|point| point.is_inside()).take(space));
        snake.player.clone().map(|player| (player, snake.score))
    }

    /// A place at least so far from the wall.
    fn somewhere(&mut self, margin: i16) -> Point {
        let mut below = |end: f32| f32::from(margin) + self.random.below(end as i32 - 2 * i32::from(margin)) as f32;
        Point { x: below(WIDTH), y: below(HEIGHT) }
    }
}

#[cfg(test)]
#[path = "arena_tests.rs"]
mod tests;
