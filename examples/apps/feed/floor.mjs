// Robots that trade some instruments, so that their books are alive. One of them keeps the snapshots of the books.

import { Client } from "../../../src/page/roomd.js";
import { Trader } from "./page/trader.js";

const ORDER_MS = 700; // from one order of a robot to its next, on average
const SIZES = [10, 20, 50, 100, 200];
const OWN_MAX = 12; // open orders of a robot for one instrument; then it withdraws the oldest

export class Floor {
  #market;

  constructor(market) {
    this.#market = market;
  }

  /** Opens the books of the first `count` instruments, each with some robots; `token` is the market's own. */
  async open(roomd, count, token) {
    const market = new Client(roomd.ws, { token }).open();
    const robots = ["Ada", "Blaise", "Carl", "Dora"].map((user) => new Client(roomd.ws, { user: `robot-${user}` }).open());
    for (let at = 0; at < count; at++) {
      const symbol = this.#market.symbols[at];
      await new Trader(market, symbol).open();
      for (const robot of robots) {
        const trader = new Trader(robot, symbol);
        await trader.open();
        this.#trade(trader, robot.user, at);
      }
    }
  }

  // Mostly an order a little off the price, which stays open; sometimes one that takes what is offered.
  #trade(trader, user, at) {
    setTimeout(async () => {
      const [bid, ask] = this.#market.quote(at);
      const isBuyer = Math.random() < 0.5;
      const away = Math.round((ask - bid + 2) * (Math.random() * 3 - 0.6));
      const price = isBuyer ? bid - away : ask + away;
      const own = [...trader.book.orders].filter(([, order]) => order.user === user);
      try {
        if (own.length >= OWN_MAX) await trader.cancel(own[0][0]);
        await trader.order(isBuyer ? "buy" : "sell", Math.max(1, price), SIZES[Math.floor(Math.random() * SIZES.length)]);
      } catch {
        // refused: the next order is another
      }
      this.#trade(trader, user, at);
    }, Math.random() * 2 * ORDER_MS);
  }
}
