// The few words in which the view speaks to the document.
//
// Lists are patched, not rebuilt: focus stays, and a screen reader hears only what is new.

const timeOnly = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const wholeTime = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

export function byId(id) {
  return document.getElementById(id);
}

export function clock(at) {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  const time = element("time", "", (today ? timeOnly : dateAndTime).format(date));
  time.dateTime = date.toISOString();
  time.title = wholeTime.format(date);
  return time;
}

export function name(text) {
  const bdi = document.createElement("bdi");
  bdi.textContent = text;
  return bdi;
}

export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (tag === "button") made.type = "button";
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function setText(id, text) {
  const target = byId(id);
  if (target.textContent !== String(text)) target.textContent = text;
}

export function onClick(id, action) {
  byId(id).addEventListener("click", action);
}

export function onSubmit(id, action) {
  byId(id).addEventListener("submit", (submit) => {
    submit.preventDefault();
    action();
  });
}

const itemsOf = new WeakMap();

// Makes the parent's children show these items in this order and touches only what differs.
export function patch(parent, items, keyOf, create, update) {
  const before = itemsOf.get(parent) ?? new Map();
  const after = new Map(items.map((item) => [keyOf(item), null]));
  for (const [key, child] of before) if (!after.has(key)) child.remove();
  const focused = document.activeElement;
  let next = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    const child = before.get(key) ?? create(item);
    update(child, item);
    after.set(key, child);
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
  itemsOf.set(parent, after);
  if (document.activeElement !== focused && parent.contains(focused)) focused.focus();
}
