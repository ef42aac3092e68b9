// The pages of examples/apps/support, in a browser, beside robots; the server is killed under them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures } from "../page/harness/fixtures.mjs";
import { look } from "../page/harness/look.mjs";
import { Program } from "./harness/program.mjs";

const { person, faultless } = fixtures();
const PHONE = { viewport: { width: 390, height: 844 } };

const texts = (page, selector) => page.locator(selector).allInnerTexts();

async function open(address, options) {
  const opened = await person(options);
  await opened.page.goto(address);
  return opened.page;
}

async function ask(page, name, question) {
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Your question").fill(question);
  await page.getByRole("button", { name: "Ask" }).click();
}

async function say(page, text) {
  await page.getByLabel("Message").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

test("a customer is told the place, is answered, handed over, and goes on when the server was killed", async (t) => {
  const program = await Program.start("support");
  t.after(() => program.end());
  const [dana, emil] = [await open(program.address, PHONE), await open(program.address, { ...PHONE, colorScheme: "dark" })];
  await ask(dana, "Dana", "My order <b>4711</b> has not arrived");
  await dana.locator(".number", { hasText: "1" }).waitFor();
  await ask(emil, "Emil", "I cannot sign in");
  await emil.locator(".number", { hasText: "2" }).waitFor();
  await look(dana, "apps-support-place");
  await look(emil, "apps-support-place-dark");

  const agents = [];
  for (const name of ["Ann", "Bob"]) {
    const page = await open(`${program.address}agent.html`, name === "Ann" ? {} : { ...PHONE, colorScheme: "dark" });
    await page.getByLabel("Your name").fill(name);
    await page.getByLabel("Customers at once").fill("1");
    await page.getByRole("button", { name: "Come in" }).click();
    await page.locator(".talk h2", { hasText: name === "Ann" ? "Dana" : "Emil" }).waitFor();
    agents.push(page);
  }
  const [ann, bob] = agents;
  await dana.locator(".lines", { hasText: "Hello, this is Ann." }).waitFor();
  await say(ann, "Let me look that up.");
  await say(dana, "Thank you!");
  await ann.locator(".lines", { hasText: "Thank you!" }).waitFor();
  assert.match((await texts(ann, ".lines li"))[0], /My order <b>4711<\/b> has not arrived/);

  const supervisor = await open(`${program.address}supervisor.html`);
  await supervisor.locator(".talking", { hasText: "2" }).waitFor();
  await supervisor.getByRole("button", { name: "More for Bob" }).click();
  await ann.locator(".to option", { hasText: "Bob" }).waitFor({ state: "attached" });
  await ann.locator(".to").selectOption("Bob");
  await dana.locator(".lines", { hasText: "Hello, this is Bob." }).waitFor();
  await ann.locator(".nobody").waitFor();

  const killed = program.killRoomd();
  await dana.locator('.line:not([data-phase="online"])').waitFor();
  await killed;
  await bob.getByRole("button", { name: /^Dana/ }).click();
  await say(bob, "It is in your town by now.");
  await dana.locator(".lines", { hasText: "It is in your town by now." }).waitFor();
  for (const page of [dana, emil, ann, bob, supervisor]) await page.locator('.line[data-phase="online"]').waitFor();
  await supervisor.locator(".queue button, .agents ul button").filter({ hasText: "Dana" }).click();
  await supervisor.locator(".lines", { hasText: "It is in your town by now." }).waitFor();
  await supervisor.getByRole("combobox", { name: /Move Emil/ }).selectOption("Ann");
  await emil.locator(".lines", { hasText: "Hello, this is Ann." }).waitFor();
  await look(bob, "apps-support-agent-phone-dark");
  await bob.getByRole("button", { name: "End", exact: true }).click();
  await dana.getByRole("button", { name: "Ask again" }).click();
  await eventually(() => texts(dana, ".lines li"), (lines) => assert.ok(lines.filter((line) => line.includes("Hello, this is")).length >= 3));
  faultless();
});

test("the supervisor's page shows a busy desk, in light and dark and on a phone", async (t) => {
  const program = await Program.start("support", "--robots");
  t.after(() => program.end());
  const views = { "": {}, "-dark": { colorScheme: "dark" }, "-phone": PHONE };
  for (const [view, options] of Object.entries(views)) {
    const page = await open(`${program.address}supervisor.html`, options);
    await eventually(() => texts(page, ".queue li"), (rows) => assert.ok(rows.length >= 2));
    await page.locator(".agents ul button").first().click();
    await page.locator(".lines li").nth(1).waitFor();
    await look(page, `apps-support-supervisor${view}`);
  }
  const ann = await open(`${program.address}agent.html`);
  await ann.getByLabel("Your name").fill("Zoe");
  await ann.getByRole("button", { name: "Come in" }).click();
  await ann.locator(".tabs button").nth(1).waitFor();
  await look(ann, "apps-support-agent");
  faultless();
});
