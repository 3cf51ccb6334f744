const MAX_ECHO_CHARACTERS = 40;

/** What came, for an error message: short, on one line, and never more than a glimpse of what was sent. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'number':
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? `a list of ${value.length}` : 'an object';
    default:
      return 'nothing';
  }
}

/** The text in quotes, escaped as in JSON, cut to 40 characters. */
export function quoted(text: string): string {
  if (text.length <= MAX_ECHO_CHARACTERS) return JSON.stringify(text);
  const end = text.slice(0, MAX_ECHO_CHARACTERS).replace(/[\ud800-\udbff]$/, '');
  return `${JSON.stringify(end).slice(0, -1)}…"`;
}
