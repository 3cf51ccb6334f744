/** The READMEs, as tests read them: what they show is run as it stands. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './program.js';

/** The address of the service in every README. */
export const DOCUMENTED_URL = 'http://127.0.0.1:3000';

/** @param room such as `src/clients`; the project itself unless given */
export function readmeOf(room = '.'): string {
  return readFileSync(join(root, room, 'README.md'), 'utf8');
}

/**
 * The first block of code in a language that mentions something.
 * @throws when there is none: what a test runs must not go missing unnoticed
 */
export function blockOf(room: string, language: string, mentioning: string): string {
  const blocks = readmeOf(room).matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'));
  const code = [...blocks].map(([, text = '']) => text).find((text) => text.includes(mentioning));
  if (code === undefined) throw new Error(`${room}/README.md has no ${language} block with "${mentioning}"`);
  return code;
}
