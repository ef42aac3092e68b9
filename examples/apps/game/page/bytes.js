// The bytes of both directions, as README.md describes them: a state of the arena, and what a player wants.

const FLAGS = { dead: 1, asleep: 2, robot: 4, safe: 8 };
const TURN = 65_536; // parts of a whole turn
export const FIELD = { width: 1_600, height: 1_000 };

/** What a player wants: to go this way, in radians. The number comes back in the state. */
export function steer(number, heading) {
  const bytes = new Uint8Array(5);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 1);
  view.setUint16(1, number & 0xffff);
  view.setUint16(3, Math.round((heading / (2 * Math.PI)) * TURN) & 0xffff);
  return bytes;
}

export const LEAVE = new Uint8Array([2]);

/** The state in some bytes; undefined if they are none. */
export function parseState(bytes) {
  try {
    return read(bytes);
  } catch (error) {
    if (error instanceof RangeError) return undefined; // they end too early
    throw error;
  }
}

function read(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const number = (size) => {
    at += size;
    return size === 1 ? view.getUint8(at - 1) : size === 2 ? view.getUint16(at - 2) : view.getUint32(at - 4);
  };
  const step = () => view.getInt8(at++);
  if (number(1) !== 1) return undefined;
  const [every, tick] = [number(2), number(4)];
  const [late, p50, p99, max] = [number(4), number(4), number(4), number(4)].map((us) => us / 1_000);
  const malformed = number(4);
  const food = Array.from({ length: number(1) }, () => ({ x: number(2), y: number(2) }));
  const snakes = [];
  while (at < bytes.length) {
    const [place, flags] = [number(1), number(1)];
    const snake = { place, input: number(2), inputs: number(2), score: number(2) };
    for (const [flag, bit] of Object.entries(FLAGS)) snake[flag] = (flags & bit) !== 0;
    const length = number(1);
    if (at + length > bytes.length) return undefined;
    snake.name = new TextDecoder().decode(bytes.subarray(at, at + length));
    at += length;
    const points = number(1);
    snake.trail = [];
    for (let next = 0; next < points; next++) {
      const before = snake.trail[next - 1];
      snake.trail.push(before ? { x: before.x + step(), y: before.y + step() } : { x: number(2), y: number(2) });
    }
    snakes.push(snake);
  }
  return { every, tick, late, p50, p99, max, malformed, food, snakes };
}
