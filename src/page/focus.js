// Keeps the focus on the page: where the element that has it is removed, hidden or disabled, the browser gives it to the
// document, and whoever uses a keyboard or a screen reader starts over. It goes to what is nearest to the lost element in
// the same part of the page; else back to where it was before, as when a dialog closes; else to the conversation.

import { HOVERLESS } from "./viewport.js";

const FOCUSABLE = "button, [href], input, select, textarea, summary, [tabindex]";
const PARTS = "main, nav, aside, .app, #app, body"; // no element in one of them stands for another
const LANDMARKS = [".composer textarea:enabled", ".conversation[aria-current]", ".title button", ".chat button", ".conversation", "button"];
const REMEMBERED = 16;

const before = []; // {element, parents}, the last first

export function keepFocus() {
  document.addEventListener("focusin", ({ target }) => remember(target));
  if (document.activeElement !== document.body) remember(document.activeElement);
  const options = { childList: true, subtree: true, attributes: true, attributeFilter: ["data-view", "disabled", "hidden", "open", "inert"] };
  new MutationObserver(restore).observe(document.body, options);
  if (!HOVERLESS.matches) restore();
}

function remember(element) {
  const parents = [];
  for (let parent = element.parentElement; parent && !parent.matches(PARTS); parent = parent.parentElement) parents.push(parent);
  before.unshift({ element, parents });
  before.length = Math.min(before.length, REMEMBERED);
}

function restore() {
  const { activeElement } = document;
  const [last] = before;
  if (activeElement && activeElement !== document.body && canFocus(activeElement)) return;
  if (last && canFocus(last.element)) return; // the user has left it, as with a click into nothing
  successor(last)?.focus({ preventScroll: true });
}

function successor(last) {
  const dialog = document.querySelector("dialog[open]");
  const isOpen = (element) => canFocus(element) && (!dialog || dialog.contains(element));
  for (const parent of last?.parents ?? []) {
    if (!parent.isConnected) continue;
    const found = [...parent.querySelectorAll(FOCUSABLE), parent].find((each) => isOpen(each) && isWelcome(each));
    if (found) return found;
  }
  const earlier = before.find(({ element }) => isOpen(element) && isWelcome(element));
  if (earlier) return earlier.element;
  if (dialog) return dialog.querySelector("h2");
  return LANDMARKS.flatMap((selector) => [...document.querySelectorAll(selector)]).find((each) => isOpen(each) && isWelcome(each));
}

const isWelcome = (element) => !element.matches(HOVERLESS.matches ? ".skip, input, textarea" : ".skip");

function canFocus(element) {
  return element.isConnected && element.matches(FOCUSABLE) && !element.disabled && !element.closest("[inert]") && element.checkVisibility({ visibilityProperty: true });
}
