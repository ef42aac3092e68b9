// Logging in on the page at a real OpenID Connect provider, and through a proxy that has authenticated the user.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { after, test } from "node:test";
import { fixtures, RATE } from "./harness/fixtures.mjs";
import { IdentityProvider, SECRET } from "./harness/identity-provider.mjs";
import { look } from "./harness/look.mjs";
import { shots } from "./harness/browser.mjs";

const { server, person, faultless } = fixtures();
const providers = [];
after(() => Promise.all(providers.map((provider) => provider.end())));

const ACCOUNTS = {
  ann: { preferred_username: "Ann Meyer", name: "Ann M.", groups: ["staff"] },
  root: { preferred_username: "root", groups: ["ops"] },
  eve: { preferred_username: "eve", groups: [] },
};

async function provider() {
  const started = await IdentityProvider.start();
  providers.push(started);
  return started;
}

// A server with these providers, of [id, provider, more words].
async function serverAt(...settings) {
  const host = await server(...RATE);
  await writeFile(`${host.folder}/secret`, SECRET);
  const setting = ([id, at, more]) => `id=${id} issuer=${at.issuer} client=roomd secret-file=${host.folder}/secret ${more}`;
  await host.stop();
  await host.restart(...RATE, ...settings.flatMap((one) => ["--oidc-provider", setting(one)]));
  return host;
}

async function logIn({ page }, label, login) {
  await page.getByRole("link", { name: `Log in with ${label}` }).click();
  await page.getByLabel("Login").fill(login);
  await page.getByRole("button", { name: "Go on" }).click();
}

const online = ({ page }) => page.locator(".me", { hasText: "Online" }).waitFor({ state: "attached" });

test("who logs in at a provider is in the room under the name there, and an admin by a group", async () => {
  const [one, other] = [await provider(), await provider()];
  const host = await serverAt(["sso", one, "label=Example%20account admin-group=ops"], ["school", other, "label=The%20school"]);
  await one.serve(ACCOUNTS, `${host.http}/login/sso/callback`);
  await other.serve(ACCOUNTS, `${host.http}/login/school/callback`, { says: true });
  const ann = await person();
  for (const [width, height] of [[390, 844], [1280, 800]]) {
    for (const colorScheme of ["light", "dark"]) {
      await ann.page.setViewportSize({ width, height });
      await ann.page.emulateMedia({ colorScheme });
      await ann.page.goto(`${host.http}/chat/den`);
      await ann.page.getByRole("link", { name: "Log in with The school" }).waitFor();
      await look(ann.page, `login-${width}-${colorScheme}`);
    }
  }
  await logIn(ann, "Example account", "ann");
  await online(ann);
  assert.equal(ann.page.url(), `${host.http}/chat/den`);
  await ann.say("hello");
  await ann.sent("hello");
  await ann.page.reload();
  await online(ann);
  await ann.row("hello").waitFor();
  const stored = await ann.page.evaluate(() => JSON.parse(localStorage.getItem("roomd.me")));
  assert.equal(stored.name, "Ann-Meyer");
  const left = Date.parse(stored.expires) - Date.now();
  assert.ok(left > 11 * 3_600_000 && left <= 12 * 3_600_000, stored.expires);
  for (const url of ann.requests) assert.ok(!url.includes(stored.token), "no token is in an address");
  // An admin of the chat is one at /admin as well.
  const root = await person();
  await root.page.goto(host.http);
  await logIn(root, "Example account", "root");
  await online(root);
  await root.page.goto(`${host.http}/admin#connections`);
  await root.page.getByRole("row").filter({ hasText: "Ann-Meyer" }).waitFor();
  await ann.page.goto(`${host.http}/admin`);
  await ann.page.getByLabel("Token of an admin").waitFor();
  // Another provider's person of that name is another.
  const double = await person();
  await double.page.goto(host.http);
  await logIn(double, "The school", "ann");
  await double.page.getByText("The name Ann-Meyer is another user's here.").waitFor();
  await look(double.page, "login-refused-1280-light");
  await double.page.getByRole("link", { name: "Back to the chat" }).click();
  await double.page.getByLabel("Your name").waitFor();
  faultless();
});

test("who is in no group, who does not want to, and who comes from a wrong provider is told so", async () => {
  const one = await provider();
  const wrong = { issuer: one.issuer.replace("127.0.0.1", "localhost") }; // which is not what it calls itself
  const host = await serverAt(["sso", one, "label=Example room-group=staff:den"], ["wrong", wrong, "label=Wrong"]);
  await one.serve(ACCOUNTS, `${host.http}/login/sso/callback`);
  const eve = await person();
  eve.expected = /Failed to load resource: .*(401|403|404|502)/; // the provider has no favicon
  await eve.page.goto(host.http);
  await eve.page.getByRole("link", { name: "Log in with Wrong" }).click();
  await eve.page.getByText("The provider cannot be asked now.").waitFor();
  await eve.page.goto(host.http);
  await eve.page.getByRole("link", { name: "Log in with Example" }).click();
  await eve.page.getByRole("button", { name: "Do not" }).click();
  await eve.page.getByText("The provider did not let you in").waitFor();
  await eve.page.goto(host.http);
  await logIn(eve, "Example", "eve");
  await eve.page.getByRole("alert").filter({ hasText: "You are in no group that may come in here." }).waitFor();
  assert.equal(await eve.page.evaluate(() => localStorage.getItem("roomd.me")), null);
  const ann = await person();
  await ann.page.goto(`${host.http}/chat/den`);
  await logIn(ann, "Example", "ann");
  await online(ann);
  await ann.say("in the only room");
  await ann.sent("in the only room");
  faultless();
});

test("an invitation and the key of its room are there after a login, and no server was sent the key", async () => {
  const one = await provider();
  const host = await serverAt(["sso", one, "label=Example"]);
  await one.serve(ACCOUNTS, `${host.http}/login/sso/callback`);
  const ann = await person();
  await ann.page.goto(`${host.http}/chat/ann's`);
  await logIn(ann, "Example", "ann");
  await online(ann);
  assert.equal(ann.page.url(), `${host.http}/chat/ann's`);
  await ann.page.getByRole("button", { name: "Open or create a room" }).click();
  await ann.page.getByLabel("Room name").fill("plans");
  await ann.page.getByRole("checkbox", { name: /Private/ }).check();
  await ann.page.getByRole("checkbox", { name: /Encrypted/ }).check();
  await ann.page.getByRole("button", { name: "Create", exact: true }).click();
  await ann.page.getByRole("button", { name: "Invite people with it" }).click();
  await ann.page.getByRole("dialog", { name: "Invite people to plans" }).getByRole("button", { name: "Create an invitation" }).click();
  const invitation = await ann.page.locator(".new-link code").innerText();
  const [, code, secret] = /#invite=(\w+)&key=1\.(.+)$/.exec(invitation);
  await ann.page.keyboard.press("Escape");
  await ann.say("the geese fly at midnight");
  await ann.sent("the geese fly");
  const eve = await person();
  const sent = [];
  eve.page.on("request", (request) => sent.push(`${request.method()} ${request.url()} ${request.postData() ?? ""}`));
  await eve.page.goto(invitation);
  await eve.page.getByRole("link", { name: "Log in with Example" }).click();
  await eve.page.getByRole("button", { name: "Do not" }).click();
  await eve.page.getByRole("link", { name: "Back to the chat" }).click();
  await eve.page.getByText("Ann-Meyer invited you to plans.").waitFor();
  await eve.page.reload();
  await eve.page.getByText("Ann-Meyer invited you to plans.").waitFor();
  await eve.page.getByRole("link", { name: "Log in with Example" }).click();
  await eve.page.getByRole("button", { name: "Do not" }).click();
  await eve.page.getByRole("link", { name: "Try again" }).click();
  await eve.page.getByLabel("Login").fill("eve");
  await eve.page.getByRole("button", { name: "Go on" }).click();
  await eve.row("the geese fly at midnight").waitFor();
  assert.equal(eve.page.url(), `${host.http}/chat/plans`);
  await eve.say("so they do");
  await ann.row("so they do").getByLabel(/^Encrypted/).waitFor();
  // It was used: nothing is kept of it.
  assert.deepEqual(await eve.page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.endsWith(".link"))), []);
  await eve.page.reload();
  await eve.row("so they do").waitFor();
  assert.deepEqual(sent.filter((request) => request.includes(secret)), []);
  assert.deepEqual(sent.filter((request) => request.includes(code) && !/^POST .*\/api\/v1\//.test(request)), []);
  faultless();
});

test("an invitation that is opened when a login is over is there after the next one", async () => {
  const one = await provider();
  const host = await serverAt(["sso", one, "label=Example"]);
  await one.serve(ACCOUNTS, `${host.http}/login/sso/callback`);
  const ann = await person();
  await ann.page.goto(host.http);
  await logIn(ann, "Example", "ann");
  await online(ann);
  const invitation = await ann.page.evaluate(async () => {
    const { token } = JSON.parse(localStorage.getItem("roomd.me"));
    const post = async (path, body) => (await fetch(path, { method: "POST", headers: { authorization: `Bearer ${token}`, "content-type": "application/json" }, body: JSON.stringify(body) })).json();
    const { code } = (await post("/api/v1/rooms", { room: "plans", private: true }), await post("/api/v1/rooms/plans/invitations", {}));
    return `/chat/plans#invite=${code}`;
  });
  const eve = await person();
  await eve.page.goto(host.http);
  await logIn(eve, "Example", "eve");
  await online(eve);
  // A token that is not good any more, as after a day.
  await eve.page.evaluate(() => localStorage.setItem("roomd.me", JSON.stringify({ ...JSON.parse(localStorage.getItem("roomd.me")), token: "a.b.c" })));
  await eve.page.goto(`${host.http}${invitation}`);
  await eve.page.getByRole("button", { name: "Choose a name" }).click();
  await eve.page.getByText("Ann-Meyer invited you to plans.").waitFor();
  await eve.page.getByRole("link", { name: "Log in with Example" }).click();
  await online(eve);
  await eve.page.getByRole("heading", { name: "plans" }).waitFor();
  await eve.say("I am in");
  await eve.sent("I am in");
  faultless();
});

test("whom a proxy has named is in the chat without being asked", async () => {
  const host = await server(...RATE);
  await host.stop();
  await host.restart(...RATE, "--user-header", "Remote-User", "--user-header-from", "127.0.0.1");
  const ann = await person({ extraHTTPHeaders: { "Remote-User": "ann@example.org" } });
  await ann.page.goto(`${host.http}/chat/den`);
  await online(ann);
  assert.equal(ann.page.url(), `${host.http}/chat/den`);
  await ann.page.getByText("ann@example.org").first().waitFor();
  await ann.say("hello");
  await ann.sent("hello");
  await ann.page.reload();
  await online(ann);
  await ann.page.screenshot({ path: `${shots}login-proxy-1280-light.png` });
  // Nor is somebody whom a link has invited, who is in its room.
  const invitation = await ann.page.evaluate(async () => {
    const post = async (path, body) => (await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })).json();
    const { code } = (await post("/api/v1/rooms", { room: "plans", private: true }), await post("/api/v1/rooms/plans/invitations", {}));
    return `/chat/plans#invite=${code}`;
  });
  const bob = await person({ extraHTTPHeaders: { "Remote-User": "bob" } });
  await bob.page.goto(`${host.http}${invitation}`);
  await online(bob);
  await bob.say("I am in");
  await bob.sent("I am in");
  assert.equal(bob.page.url(), `${host.http}/chat/plans`);
  faultless();
});
