// What the page asks of the screen and of what points at it.

export const WIDE = matchMedia("(min-width: 70rem)"); // as in style.css: a panel covers nothing
export const NARROW = matchMedia("(max-width: 47.99rem)"); // as in style.css: one column
export const HOVERLESS = matchMedia("(hover: none)"); // as on a phone: a focused field opens the keyboard over the page
