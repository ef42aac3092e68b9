//! The bytes of both directions, numbers with the highest byte first. README.md says them as a table, `page/bytes.js` reads them.
//!
//! A state is whole: any one of them is enough to draw the game, so those that a slow client never gets are not missed.
//! An input of a player is a heading and not a turn, for the same reason.

use std::f32::consts::PI;
use std::time::Duration;

use crate::arena::{Arena, Point, Snake};
use crate::tick::Lateness;

const VERSION: u8 = 1;
const DEAD: u8 = 1;
const ASLEEP: u8 = 2;
const ROBOT: u8 = 4;
const SAFE: u8 = 8;
/// Parts of a whole turn.
const TURN: f32 = 65_536.0;

/// What a player wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Input {
    /// To go this way, in radians; the number comes back in the state.
    Steer { number: u16, heading: f32 },
    /// To play no longer.
    Leave,
}

/// The input in a message; `None` if it is none.
pub fn parse(bytes: &[u8]) -> Option<Input> {
    match *bytes {
        [1, n1, n2, h1, h2] => {
            let heading = f32::from(u16::from_be_bytes([h1, h2])) / TURN * 2.0 * PI;
            Some(Input::Steer { number: u16::from_be_bytes([n1, n2]), heading })
        }
        [2] => Some(Input::Leave),
        _ => None,
    }
}

/// The state, and how the ticks are.
pub fn state(arena: &Arena, every: Duration, lateness: &Lateness, malformed: u32) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend(u16::try_from(every.as_millis()).unwrap_or(u16::MAX).to_be_bytes());
    for number in [
        truncated(arena.tick),
        micros(lateness.newest),
        micros(lateness.p50),
        micros(lateness.p99),
        micros(lateness.max),
    ] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(malformed.to_be_bytes());
    bytes.push(u8::try_from(arena.food.len()).unwrap_or(u8::MAX));
    for food in arena.food.iter().take(usize::from(u8::MAX)) {
        put_point(&mut bytes, *food);
    }
    for (place, snake) in (0..).zip(&arena.places) {
        if let Some(snake) = snake {
            put_snake(&mut bytes, place, snake);
        }
    }
    bytes
}

fn put_snake(bytes: &mut Vec<u8>, place: u8, snake: &Snake) {
    let flags = [
        (snake.is_dead(), DEAD),
        (snake.is_asleep(), ASLEEP),
        (snake.player.is_none(), ROBOT),
        (snake.is_safe(), SAFE),
    ];
    let name = snake.player.as_ref().map_or("", |player| player.as_str());
    bytes.extend([place, flags.into_iter().filter(|(is, _)| *is).map(|(_, flag)| flag).sum()]);
    for number in [snake.input, snake.inputs, snake.score] {
        bytes.extend(number.to_be_bytes());
    }
    // A name has at most 32 characters, of at most four bytes.
    bytes.push(u8::try_from(name.len()).unwrap_or(0));
    bytes.extend(name.bytes());
    bytes.push(u8::try_from(snake.trail.len()).unwrap_or(u8::MAX));
    let mut points = snake.trail.iter().take(usize::from(u8::MAX)).map(|point| [place_of(point.x), place_of(point.y)]);
    let Some(mut before) = points.next() else { return };
    before.iter().for_each(|part| bytes.extend(part.to_be_bytes()));
    for point in points {
        bytes.extend(
            [0, 1].map(|at| i8::try_from(i32::from(point[at]) - i32::from(before[at])).unwrap_or(0).to_be_bytes()[0]),
        );
        before = point;
    }
}

fn put_point(bytes: &mut Vec<u8>, point: Point) {
    for part in [point.x, point.y] {
        bytes.extend(place_of(part).to_be_bytes());
    }
}

/// A place in the arena, to the unit; one in its wall is at the wall.
fn place_of(part: f32) -> u16 {
    part.round() as u16
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

fn truncated(number: u64) -> u32 {
    (number & u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn an_input_is_its_bytes_and_nothing_else_is_one() {
        assert_eq!(parse(&[1, 1, 2, 0x40, 0]), Some(Input::Steer { number: 258, heading: PI / 2.0 }));
        assert_eq!(parse(&[2]), Some(Input::Leave));
        for bytes in [&[][..], &[0], &[1], &[1, 0, 0, 0], &[1, 0, 0, 0, 0, 0], &[2, 0], &[3], &[255; 64]] {
            assert_eq!(parse(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_state_has_a_byte_for_each_step_of_a_snake() {
        let mut arena = Arena::new(2, Random::new(7));
        for _ in 0..10 {
            arena.step();
        }
        let bytes = state(&arena, Duration::from_millis(50), &Lateness::default(), 0);
        let points: usize = arena.places.iter().flatten().map(|snake| snake.trail.len()).sum();
        assert_eq!(points, 2 * 11, "the place where each has begun, and ten steps");
        assert_eq!(bytes.len(), 1 + 2 + 6 * 4 + 1 + 4 * arena.food.len() + 2 * (10 + 4) + 2 * (points - 2));
    }
}
