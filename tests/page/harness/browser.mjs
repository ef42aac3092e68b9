// Headless Chromium, and pages in it that record their errors.

import { mkdirSync } from "node:fs";
import { DEADLINE_MS } from "./deadline.mjs";
import { output, require } from "./packages.mjs";

const { chromium } = require("playwright-core");
const FLAGS = [
  "--no-sandbox",
  "--disable-background-networking",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

export const shots = `${output}shots/`;

export class Browser {
  #chromium;
  #people = [];

  static async start() {
    const browser = new Browser();
    const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
    browser.#chromium = await chromium.launch({ executablePath, args: FLAGS });
    mkdirSync(shots, { recursive: true });
    return browser;
  }

  // A user with a browser context of their own, which shares no storage.
  async person(options = {}) {
    const person = new Person();
    await person.begin(await this.#chromium.newContext({ viewport: { width: 1280, height: 800 }, ...options }));
    this.#people.push(person);
    return person;
  }

  // The errors on all pages since the last call.
  faults() {
    return this.#people.flatMap((person) => person.faults.splice(0));
  }

  async leave() {
    for (const person of this.#people.splice(0)) await person.context.close();
  }

  async end() {
    await this.#chromium.close();
  }
}

export class Person {
  faults = [];
  requests = [];
  expected = /WebSocket connection to|An unknown error occurred when fetching the script|Failed to load resource: .*(404|405|409|403|401|429|ERR_CONNECTION|ERR_SOCKET|ERR_EMPTY_RESPONSE)/; // a lost connection, a name that is taken

  async begin(context) {
    this.context = context;
    this.page = await this.tab();
  }

  // The same user in another tab.
  async beside() {
    const other = new Person();
    Object.assign(other, { context: this.context, faults: this.faults, requests: this.requests });
    other.page = await other.tab();
    return other;
  }

  async tab() {
    const page = await this.context.newPage();
    page.setDefaultTimeout(DEADLINE_MS);
    page.on("console", (message) => {
      const text = message.text();
      if (["error", "warning"].includes(message.type()) && !this.expected.test(text)) this.faults.push(`console: ${text}`);
    });
    page.on("pageerror", (error) => this.faults.push(`error: ${error.name}: ${error.message} ${error.stack}`));
    page.on("request", (request) => this.requests.push(request.url()));
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => console.error(`CSP: ${violatedDirective} ${blockedURI}`));
    });
    return page;
  }

  // Opens the page and signs in.
  async enter(url, name) {
    await this.page.goto(url);
    await this.page.getByLabel("Your name").fill(name);
    await this.page.getByRole("button", { name: "Enter" }).click();
    await this.page.locator(".me", { hasText: "Online" }).waitFor({ state: "attached" });
    return this;
  }

  // Ends the wait for the next connection, unless the page has reconnected by itself meanwhile.
  async tryNow() {
    await this.page.evaluate(() => [...document.querySelectorAll(".banner button")].find(({ textContent }) => textContent === "Try now")?.click());
  }

  async say(text) {
    const field = this.page.locator(".composer textarea");
    await field.fill(text);
    await field.press((await field.getAttribute("enterkeyhint")) === "send" ? "Enter" : "Control+Enter"); // on a phone
  }

  // Waits until the server has stored this message of the user.
  async sent(text) {
    await this.row(text).locator(".tick[data-level]").waitFor();
  }

  row(text) {
    return this.page.locator(".message-row", { hasText: text });
  }

  // The texts of the messages in the document, in order.
  async texts() {
    return this.page.locator(".message-row.message .text").allInnerTexts();
  }

  conversation(name) {
    return this.page.locator(".conversation").filter({ has: this.page.locator(`.top bdi:text-is("${name}")`) });
  }
}
