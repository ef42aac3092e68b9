// What this device is, for the list of devices: such as "Chrome on Pixel 7", "Firefox on Windows" or "Safari on iPad".

const BROWSERS = [["Edg/", "Edge"], ["OPR/", "Opera"], ["SamsungBrowser/", "Samsung Internet"], ["Firefox/", "Firefox"], ["FxiOS/", "Firefox"], ["CriOS/", "Chrome"], ["Chrome/", "Chromium"], ["Safari/", "Safari"]];
const SYSTEMS = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["CrOS", "ChromeOS"], ["Linux", "Linux"]];
export const LABEL_MAX = 64; // characters, as on the server

// Browsers that are built on Chromium say who they are and, on a phone, its model, apart from their old name.
export async function deviceLabel({ userAgent, userAgentData, maxTouchPoints } = navigator) {
  const find = (names, otherwise) => names.find(([part]) => userAgent.includes(part))?.[1] ?? otherwise;
  const isChrome = userAgentData?.brands.some(({ brand }) => brand === "Google Chrome");
  const { model } = (await userAgentData?.getHighEntropyValues(["model"]).catch(() => undefined)) ?? {};
  const browser = isChrome ? "Chrome" : find(BROWSERS, "A browser");
  const known = find(SYSTEMS);
  const system = known === "macOS" && maxTouchPoints > 1 ? "iPad" : known; // which calls itself a Mac
  return [browser, model || system].filter(Boolean).join(" on ").slice(0, LABEL_MAX);
}
