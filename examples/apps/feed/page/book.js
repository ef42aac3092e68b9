// An order book: the orders of one instrument that are open, as the messages of its room make it. Pure.
//
// A message is an order: { side, price, size, take, cancel }. It has executed what it names in `take`, [number of an order, how much] each,
// and what is left of it is open from then on, under the message's number. A message that does not fit the book is void, and
// whoever reads the room finds the same: so it is for the writer to say on which book it was computed (`if_seq`).

export class Book {
  /** The number of the newest message. */
  seq = 0;
  /** number → { side, price, left, user }, prices in cents. */
  orders = new Map();
  /** The newest executions: { seq, order, side, price, size, user, maker, mid }. */
  trades = [];
  #tradesMax;

  constructor(tradesMax = 50) {
    this.#tradesMax = tradesMax;
  }

  /** Returns the executions of the message: none, if it is void. */
  apply({ seq, user, message, mid }) {
    if (seq <= this.seq) return [];
    this.seq = seq;
    const order = parsed(message);
    if (order?.cancel !== undefined) return this.#cancel(order.cancel, user);
    if (!isOrder(order)) return [];
    const taken = this.#checked(order);
    if (!taken) return [];
    const trades = taken.map(([number, open, size]) => {
      open.left -= size;
      if (open.left === 0) this.orders.delete(number);
      return { seq, order: number, side: order.side, price: open.price, size, user, maker: open.user, mid };
    });
    const left = order.size - taken.reduce((sum, [, , size]) => sum + size, 0);
    if (left > 0) this.orders.set(seq, { side: order.side, price: order.price, left, user });
    this.trades.push(...trades);
    this.trades.splice(0, this.trades.length - this.#tradesMax);
    return trades;
  }

  /** What an order of this size would execute now, the best price first and of one price the oldest: for its `take`. */
  match(side, price, size) {
    const take = [];
    for (const [number, { price: theirs, left }] of this.open(side === "buy" ? "sell" : "buy")) {
      if (size === 0 || (side === "buy" ? theirs > price : theirs < price)) break;
      take.push([number, Math.min(left, size)]);
      size -= take.at(-1)[1];
    }
    return take;
  }

  /** The open orders of a side, the best first. */
  open(side) {
    const sign = side === "buy" ? -1 : 1;
    const orders = [...this.orders].filter(([, order]) => order.side === side);
    return orders.sort(([one, { price: a }], [other, { price: b }]) => sign * (a - b) || one - other);
  }

  /** How much is open at each price of a side, the best first: [price, size] each. */
  depth(side, rows) {
    const levels = new Map();
    for (const [, { price, left }] of this.open(side)) levels.set(price, (levels.get(price) ?? 0) + left);
    return [...levels].slice(0, rows);
  }

  /** As text, for a snapshot. */
  toJSON() {
    return { covers: this.seq, orders: [...this.orders] };
  }

  /** Whether it is one. */
  load({ covers, orders } = {}) {
    if (!Number.isInteger(covers) || !Array.isArray(orders)) return false;
    [this.seq, this.orders] = [covers, new Map(orders)];
    return true;
  }

  #cancel(number, user) {
    if (this.orders.get(number)?.user === user) this.orders.delete(number);
    return [];
  }

  // [number, open order, size] of each that is taken; undefined if one of them is not there, or not at the order's price.
  #checked({ side, price, size, take }) {
    const taken = take.map(([number, some]) => [number, this.orders.get(number), some]);
    const fits = ([, open, some]) =>
      open && open.side !== side && isAmount(some) && some <= open.left && (side === "buy" ? open.price <= price : open.price >= price);
    const isOnce = new Set(taken.map(([number]) => number)).size === taken.length;
    const total = taken.reduce((sum, [, , some]) => sum + some, 0);
    return isOnce && taken.every(fits) && total <= size ? taken : undefined;
  }
}

function isOrder(order) {
  return (order?.side === "buy" || order?.side === "sell") && isAmount(order.price) && isAmount(order.size) && Array.isArray(order.take) && order.take.every(Array.isArray);
}

function isAmount(value) {
  return Number.isInteger(value) && value > 0;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // deleted, or not JSON
  }
}
