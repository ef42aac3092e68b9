// Ends a login: keeps the token that the server has put into this page, and goes on to the chat.

import { BrowserStorage } from "./browser-storage.js";
import { addressOf } from "./names.js";

const status = document.getElementById("login");
const { name, token, expires, to } = status.dataset;
const storage = new BrowserStorage();
storage.applyAppearance();
storage.me = { name, token, expires };
// What is stored for as long as this page alone would be asked for again, and again.
if (new BrowserStorage().me?.token === token) location.replace(addressOf(to));
else status.textContent = "This browser stores nothing for this page, so it cannot keep you logged in.";
