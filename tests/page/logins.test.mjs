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
  faultless();
});
