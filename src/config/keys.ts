export const scopes = ['ingest', 'read', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** A key of a sender, an analyst or an operator. An admin key opens everything, the others their own scope. */
export interface SenderKey {
  readonly name: string;
  readonly secret: string;
  readonly scope: Scope;
}

const MIN_SECRET_CHARACTERS = 16;
const MAX_KEYS = 1_000;

/**
 * Parses `name:secret,name:secret`; a secret may hold colons, not commas. Line breaks separate too, for key files.
 * Problems go to `report` and never show a secret.
 */
export function parseKeys(
  variable: string,
  scope: Scope,
  text: string,
  report: (problem: string) => void,
): SenderKey[] {
  const keys: SenderKey[] = [];
  const names = new Set<string>();
  const pairs = text.split(/[,\r\n]/).map((pair) => pair.trim());
  // A secret that was not filled in must not mean that everybody may come in.
  if (pairs.every((pair) => pair === '')) report(`${variable} is set, but holds no key`);
  for (const [index, pair] of pairs.entries()) {
    if (pair === '') continue;
    const where = `${variable}: entry ${index + 1}`;
    const colon = pair.indexOf(':');
    const name = pair.slice(0, Math.max(colon, 0)).trim();
    const secret = pair.slice(colon + 1).trim();
    if (colon < 0) report(`${where} is not name:secret`);
    else if (!/^[\w.@ -]{1,64}$/.test(name)) {
      report(`${where}: a name is 1 to 64 letters, digits, spaces and . _ - @`);
    } else if (names.has(name)) report(`${where}: the name "${name}" is there twice`);
    else if (!/^[\x21-\x7e]+$/.test(secret)) {
      report(`${where} ("${name}"): a secret is printable ASCII without spaces`);
    } else if (secret.length < MIN_SECRET_CHARACTERS) {
      report(`${where} ("${name}"): the secret is shorter than ${MIN_SECRET_CHARACTERS} characters`);
    } else {
      names.add(name);
      keys.push({ name, secret, scope });
    }
  }
  if (keys.length > MAX_KEYS) report(`${variable}: more than ${MAX_KEYS} keys`);
  return keys;
}
