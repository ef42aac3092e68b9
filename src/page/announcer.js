// Has a screen reader say what happens elsewhere than at the focus. This is the one place that does; what is a sentence of
// a view, such as a problem beside its field, has a role of its own there.

const KEPT = 5; // the last ones can be read again

// While a dialog is open, everything outside of it is inert: each has a region of its own.
export function announce(text) {
  const region = document.querySelector("dialog[open] .announcer") ?? document.querySelector(".announcer");
  if (!region) return;
  region.append(Object.assign(document.createElement("p"), { textContent: text }));
  while (region.childElementCount > KEPT) region.firstElementChild.remove();
}
