import { describe, expect, it } from 'vitest';
import { kClientErrorCodes, kServerErrorCodes } from '@/api/errors';
import { choose_language } from '.';
import { en } from './en';
import { zh } from './zh';

type Tree = { [key: string]: string | Tree };

function flatten(tree: Tree, prefix = ''): Map<string, string> {
  const flat = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') flat.set(prefix + key, value);
    else for (const [inner, text] of flatten(value, `${prefix}${key}.`)) flat.set(inner, text);
  }
  return flat;
}

const english = flatten(en);
const chinese = flatten(zh);
const placeholders = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();

// Every source of the app but its tests, as text.
const sources = import.meta.glob<string>(['/src/**/*.{ts,vue}', '!/src/**/*.test.ts', '!/src/i18n/*{en,zh}.ts', '!/src/i18n/account.ts'], {
  query: '?raw',
  import: 'default',
  eager: true,
});

describe('catalogues', () => {
  it('have the same keys', () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort());
  });

  it.each([...english.keys()])('%s is complete in both languages', (key) => {
    const [one, other] = [english.get(key) ?? '', chinese.get(key) ?? ''];
    expect(one.trim()).not.toBe('');
    expect(other.trim()).not.toBe('');
    expect(placeholders(other).filter((name) => name !== '{n}')).toEqual(
      placeholders(one).filter((name) => name !== '{n}'),
    );
    expect(other.split('|').length).toBe(one.split('|').length);
  });

  it('have a sentence for every error code', () => {
    const codes = [...kServerErrorCodes, ...kClientErrorCodes];
    expect(Object.keys(en.errors).sort()).toEqual([...codes].sort());
  });

  it('hold every key that the app asks for', () => {
    const asked = new Set<string>();
    for (const text of Object.values(sources))
      for (const [, key] of text.matchAll(/['"`]((?:app|call|nav|connection|auth|home|live|audience|watch|account|recordings|replay|player|not_found|time)\.[a-z_]+)['"`]/g))
        asked.add(key ?? '');
    expect(asked.size).toBeGreaterThan(80);
    expect([...asked].filter((key) => !english.has(key))).toEqual([]);
  });

  it('hold nothing that the app never asks for', () => {
    const all = Object.values(sources).join('\n');
    const composed = /^(?:errors\.|errors_until\.|title\.|app\.missing_|nav\.theme_|live\.(?:state|without)_|recordings\.(?:when|length|state|visibility)_|replay\.(?:damaged|not_found|forbidden)_|watch\.state_|call\.(?:state|made|received|ended|person|quality|use)_|connection\.|audience\.(?:entry|leave)$)/;
    const unused = [...english.keys()].filter((key) => !composed.test(key) && !all.includes(key));
    expect(unused).toEqual([]);
  });
});

describe('choose_language', () => {
  it.each([
    [['zh-CN', 'en'], 'zh'],
    [['fr-FR', 'en-GB', 'zh'], 'en'],
    [['ZH-hant-TW'], 'zh'],
    [['fr'], 'en'],
    [[], 'en'],
  ])('%j → %s', (wanted, expected) => {
    expect(choose_language(wanted)).toBe(expected);
  });
});
