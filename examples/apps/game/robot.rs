//! Who plays where nobody does: a robot looks for the nearest food, and turns from what is in its way.
//!
//! It sees what a player sees, and steers as one does, by a heading for each tick.

use super::arena::{Arena, Point, RADIUS};

/// Distances at which it looks ahead, and by how much it would turn, in radians: the least first.
const LOOKS: [f32; 4] = [18.0, 40.0, 70.0, 110.0];
const TURNS: [f32; 9] = [0.0, 0.4, -0.4, 0.8, -0.8, 1.3, -1.3, 2.0, -2.0];
/// How far it stays from others.
const DISTANCE: f32 = 2.6 * RADIUS;
const WALL: f32 = 30.0;

/// The heading that the snake in this place wants.
pub fn heading(arena: &Arena, place: usize) -> f32 {
    let Some(snake) = &arena.places[place] else { return 0.0 };
    let Some(&head) = snake.trail.front() else { return snake.heading };
    let nearest = arena.food.iter().min_by(|one, other| one.to(head).total_cmp(&other.to(head)));
    let wanted = nearest.map_or(snake.heading, |food| (food.y - head.y).atan2(food.x - head.x));
    let bodies: Vec<_> = arena.bodies(place).filter(|point| point.to(head) < 160.0).collect();
    let free = |heading: f32| LOOKS.iter().take_while(|look| is_free(head.ahead(heading, **look), &bodies)).count();
    let mut best = (wanted, 0);
    for heading in TURNS.map(|turn| wanted + turn) {
        let looks = free(heading);
        if looks > best.1 {
            best = (heading, looks);
        }
    }
    best.0
}

fn is_free(at: Point, bodies: &[Point]) -> bool {
    let is_far_from_walls = at.ahead(0.0, WALL).is_inside()
        && at.ahead(0.0, -WALL).is_inside()
        && Point { y: at.y + WALL, ..at }.is_inside()
        && Point { y: at.y - WALL, ..at }.is_inside();
    is_far_from_walls && bodies.iter().all(|point| point.to(at) > DISTANCE)
}
