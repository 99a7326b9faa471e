/** What a user agent says of the device, as far as people care. Null: it does not say. */
export interface Device {
  /** "Chrome", "Firefox" … */
  browser: string | null;
  /** "Windows", "Android" … */
  system: string | null;
  kind: 'computer' | 'phone' | 'program';
}

// The first that matches: browsers name those that they descend from as well.
const kBrowsers: readonly (readonly [RegExp, string])[] = [
  [/\bMicroMessenger\//, 'WeChat'],
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\b(?:OPR|Opera)\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:HeadlessChrome|Chrome|CriOS)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
  [/^OBS\b/, 'OBS'],
  [/^curl\//, 'curl'],
];

const kSystems: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bMac OS X\b|\bMacintosh\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
];

export function device_of(user_agent: string): Device {
  const first = (table: readonly (readonly [RegExp, string])[]): string | null =>
    table.find(([pattern]) => pattern.test(user_agent))?.[1] ?? null;
  const system = first(kSystems);
  const phone = /\biPhone\b|\biPad\b|\bAndroid\b|\bMobile\b/.test(user_agent);
  const kind = phone ? 'phone' : user_agent.startsWith('Mozilla/') ? 'computer' : 'program';
  return { browser: first(kBrowsers), system, kind };
}
