// The pictures of the page: a map of all instruments, and the price of one as two lines see it.

const SPAN_MS = 20_000; // of the plot
const COLUMNS = 25;
const WHOLE = 0.02; // a move by this part of the price has the whole colour
const STALE_MS = 3_000; // an older price is pale

/** Draws a field for each symbol: the colour says which way it has moved since the beginning, and how far; a pale one is old. */
export function drawMap(canvas, symbols, prices, first, now) {
  const { context, width, height, colours } = prepared(canvas);
  const rows = Math.ceil(symbols.length / COLUMNS);
  symbols.forEach((symbol, at) => {
    const value = prices.get(symbol);
    const x = ((at % COLUMNS) * width) / COLUMNS;
    const y = (Math.floor(at / COLUMNS) * height) / rows;
    const move = value ? value.bid / first.get(symbol) - 1 : 0;
    context.fillStyle = !value ? colours.line : move < 0 ? colours.down : colours.up;
    const isStale = value && now - value.at > STALE_MS;
    context.globalAlpha = (value ? 0.12 + 0.88 * Math.min(1, Math.abs(move) / WHOLE) : 1) * (isStale ? 0.3 : 1);
    context.fillRect(x + 0.5, y + 0.5, width / COLUMNS - 1, height / rows - 1);
  });
  context.globalAlpha = 1;
}

/** Which symbol is at a place of the map, in CSS pixels. */
export function symbolAt(canvas, symbols, { offsetX, offsetY }) {
  const rows = Math.ceil(symbols.length / COLUMNS);
  const column = Math.floor((offsetX / canvas.clientWidth) * COLUMNS);
  return symbols[Math.floor((offsetY / canvas.clientHeight) * rows) * COLUMNS + column];
}

/** The prices of one instrument that a line has told, while they are in the plot: when each came, and what it was. */
export class Track {
  points = [];

  add(now, value) {
    if (value && value !== this.points.at(-1)?.value) this.points.push({ now, value });
    while (this.points.length > 1 && this.points[1].now < now - SPAN_MS) this.points.shift();
  }
}

/** Draws one's own line, and over it the steps of the slow one. */
export function drawPlot(canvas, own, slow, now) {
  const { context, width, height, colours } = prepared(canvas);
  const all = [...own.points, ...slow.points].map(({ value }) => (value.bid + value.ask) / 2);
  if (all.length === 0) return;
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const pad = Math.max(1, (most - least) * 0.12);
  const right = width - 56;
  const x = (at) => right - ((now - at) / SPAN_MS) * right;
  const y = (price) => height - 20 - ((price - least + pad) / (most - least + 2 * pad)) * (height - 26);
  drawScale({ context, width, height, colours, right, y }, least, most);
  const line = (points, colour, isSteps) => {
    context.strokeStyle = colour;
    context.beginPath();
    points.forEach(({ now: at, value }, number) => {
      const price = y((value.bid + value.ask) / 2);
      if (isSteps && number > 0) context.lineTo(x(at), y((points[number - 1].value.bid + points[number - 1].value.ask) / 2));
      context.lineTo(x(at), price);
    });
    if (isSteps && points.length > 0) context.lineTo(right, y((points.at(-1).value.bid + points.at(-1).value.ask) / 2));
    context.stroke();
  };
  context.save();
  context.beginPath();
  context.rect(0, 0, right, height);
  context.clip();
  context.lineWidth = 1.25;
  context.lineJoin = "round";
  line(own.points, colours.up, false);
  context.lineWidth = 1.75;
  line(slow.points, colours.other, true);
  context.fillStyle = colours.other;
  for (const { now: at, value } of slow.points) {
    context.beginPath();
    context.arc(x(at), y((value.bid + value.ask) / 2), 3, 0, 2 * Math.PI);
    context.fill();
  }
  context.restore();
}

function drawScale({ context, height, colours, right, y }, least, most) {
  context.fillStyle = colours.soft;
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  for (const part of [0, 0.5, 1]) {
    const price = least + (most - least) * part;
    context.beginPath();
    context.moveTo(0, Math.round(y(price)) + 0.5);
    context.lineTo(right, Math.round(y(price)) + 0.5);
    context.stroke();
    context.fillText((price / 100).toFixed(2), right + 8, y(price));
  }
  context.textBaseline = "alphabetic";
  for (const seconds of [20, 15, 10, 5, 0]) {
    context.textAlign = seconds === 20 ? "left" : seconds === 0 ? "right" : "center";
    context.fillText(seconds === 0 ? "now" : `${seconds} s ago`, right - (seconds / 20) * right, height - 3);
  }
  context.textAlign = "left";
}

// A canvas of as many pixels as the screen shows, empty, and the colours of the page.
function prepared(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = devicePixelRatio;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height, colours: coloursOf(canvas) };
}

// A custom property may hold a `light-dark()`, which a canvas does not know: an element's colour is computed.
let probe;
function coloursOf(canvas) {
  probe ??= canvas.ownerDocument.body.appendChild(Object.assign(document.createElement("span"), { hidden: true }));
  return Object.fromEntries(["up", "down", "other", "line", "soft"].map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  }));
}
