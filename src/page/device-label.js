// What this device is, for the list of devices: such as "Firefox on Android".

const BROWSERS = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chromium"], ["Safari/", "Safari"]];
const SYSTEMS = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["CrOS", "ChromeOS"], ["Linux", "Linux"]];

export function deviceLabel({ userAgent } = navigator) {
  const find = (names, otherwise) => names.find(([part]) => userAgent.includes(part))?.[1] ?? otherwise;
  const [browser, system] = [find(BROWSERS, "A browser"), find(SYSTEMS)];
  return system ? `${browser} on ${system}` : browser;
}
