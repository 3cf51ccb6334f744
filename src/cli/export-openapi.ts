import { writeFile } from 'node:fs/promises';
import { exportDocument } from './export-openapi/document.js';

/** `openapi/` of the project: two levels up from here, in src/ as in dist/. */
const directory = new URL('../../openapi/', import.meta.url);

const { json, yaml } = await exportDocument();
await writeFile(new URL('openapi.json', directory), json);
await writeFile(new URL('openapi.yaml', directory), yaml);
process.stdout.write('openapi/openapi.json and openapi/openapi.yaml are up to date.\n');
