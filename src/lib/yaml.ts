/**
 * YAML 1.2 for people to read, of what JSON can say: mappings and lists in blocks, texts of several lines as such, and
 * everything that could be taken for something else in double quotes, as JSON has them.
 */
import { isJsonObject } from './json-value.js';

/** @param value plain JSON: no undefined, no dates, no cycles */
export function toYaml(value: unknown): string {
  return `${block(value, '').replace(/^\n/, '')}\n`;
}

/** What follows after `key:` or `-`, its first space or line break included. */
function block(value: unknown, indent: string): string {
  if (Array.isArray(value)) return value.length === 0 ? ' []' : listBlock(value, indent);
  if (isJsonObject(value)) {
    const members = Object.entries(value);
    if (members.length === 0) return ' {}';
    return members
      .map(([key, member]) => `\n${indent}${plainOrQuoted(key)}:${block(member, `${indent}  `)}`)
      .join('');
  }
  return ` ${typeof value === 'string' ? text(value, indent) : JSON.stringify(value)}`;
}

function listBlock(items: readonly unknown[], indent: string): string {
  return items
    .map((item) => {
      const written = block(item, `${indent}  `);
      // The first member of an item stands beside its dash.
      return `\n${indent}-${written.startsWith('\n') ? ` ${written.trimStart()}` : written}`;
    })
    .join('');
}

/** Letters first, and nothing in it that begins a comment, a mapping or anything else. */
const PLAIN = /^[A-Za-z](?:[\w ./()–-]*[\w./)-])?$/;
/** What a reader of YAML 1.1 or 1.2 takes for no text. */
const WORD = /^(?:true|false|null|yes|no|on|off|y|n)$/i;

function plainOrQuoted(value: string): string {
  return PLAIN.test(value) && !WORD.test(value) ? value : JSON.stringify(value);
}

function text(value: string, indent: string): string {
  const lines = value.split('\n');
  if (lines.length === 1 || lines[0] === '' || !lines.every(isPlainLine)) return plainOrQuoted(value);
  // Without indent the text is all there is, and stands under nothing.
  return `|-\n${lines.map((line) => (line === '' ? '' : `${indent || '  '}${line}`)).join('\n')}`;
}

/** Spaces at the ends would need marks of their own, and so would an end without a line. */
function isPlainLine(line: string, index: number, lines: readonly string[]): boolean {
  return line.trim() === line && !/\p{Cc}/u.test(line) && (line !== '' || index < lines.length - 1);
}
