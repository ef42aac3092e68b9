// The page in the browser's history: each conversation that was opened is an entry. In one column, as on a phone, there are
// three instead, so that the back button leads through the page and not away from it: the list of conversations, the
// conversation that is shown, and what covers it.
//
// The state of such an entry is {layer: "list" | "conversation" | "cover"}.

import { NARROW } from "./viewport.js";

const layer = () => history.state?.layer;

export class PageHistory {
  onBack; // called with whether the list is to be shown: what covered the page is to be closed
  #follow;
  #address = location.href; // that the page shows
  #leaving; // {over, done}: the browser goes back over the entry of what was closed, and reports that later

  // `follow` shows what is in the address, when the user has gone back or forth to another.
  constructor(follow) {
    this.#follow = follow;
    if (NARROW.matches && !layer()) {
      history.replaceState({ layer: "list" }, "");
      history.pushState({ layer: "conversation" }, "");
    }
    addEventListener("popstate", () => this.#moved());
  }

  // Puts what was opened into the address; with `replaces` instead of what was left, so that back does not lead there.
  async open(address, replaces) {
    if (this.#leaving || layer() === "cover") await this.#leave();
    const isOther = address !== location.origin + location.pathname + location.search;
    const state = NARROW.matches ? { layer: "conversation" } : null;
    if (replaces || layer() === "conversation") history.replaceState(state, "", address);
    else if (isOther || this.isAtList) history.pushState(state, "", address);
    this.#address = location.href;
  }

  // Puts the message that is shown into the address, which is then its link.
  async locate(address) {
    if (this.#leaving || layer() === "cover") await this.#leave();
    history.replaceState(history.state, "", address);
    this.#address = location.href;
  }

  // A dialog or a panel covers the page, or no longer does.
  cover(isCovered) {
    if (isCovered && layer() && layer() !== "cover") history.pushState({ layer: "cover" }, "");
    else if (!isCovered && layer() === "cover") this.#leave();
  }

  get isAtList() {
    return layer() === "list";
  }

  // Shows the list of conversations: goes back to it, unless the window was wider and it is not below.
  async backToList() {
    await this.#leaving?.over;
    if (layer() === "conversation") history.back();
    else this.onBack(true);
  }

  #leave() {
    if (!this.#leaving) {
      this.#leaving = {};
      this.#leaving.over = new Promise((resolve) => (this.#leaving.done = resolve));
      history.back();
    }
    return this.#leaving.over;
  }

  #moved() {
    const leaving = this.#leaving;
    this.#leaving = undefined;
    if (leaving) return leaving.done();
    this.onBack?.(this.isAtList);
    if (this.isAtList || location.href === this.#address) return;
    this.#address = location.href;
    this.#follow();
  }
}
