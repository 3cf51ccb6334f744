/** A page of metrics as Prometheus reads it: anything that is not of its text format is an error. */

export interface Page {
  /** Names of all metrics, with their types. */
  readonly types: ReadonlyMap<string, string>;
  /** The value of a series, written as on the page: `name{label="value"}`. Undefined when it is not there. */
  value(series: string): number | undefined;
  /** The sum of all series of this name with these labels, among others. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
  /** The label values under which a name is there. */
  labels(name: string, label: string): string[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = `${NAME}="(?:[^"\\\\]|\\\\.)*"`;
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (\\S+)$`);
const COMMENT = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`);

export function parsePage(text: string): Page {
  if (!text.endsWith('\n')) throw new Error('the page has to end with a line break');
  const types = new Map<string, string>();
  const samples: { series: string; name: string; labels: string; value: number }[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const comment = COMMENT.exec(line);
    if (comment !== null) {
      if (comment[1] === 'TYPE') types.set(comment[2] ?? '', comment[3] ?? '');
      continue;
    }
    const [, name, labels = '', value = ''] = SAMPLE.exec(line) ?? [];
    if (name === undefined) throw new Error(`not of the format: ${line}`);
    const series = labels === '' ? name : `${name}{${labels}}`;
    if (samples.some((other) => other.series === series)) throw new Error(`twice: ${series}`);
    if (!types.has(name) && !types.has(name.replace(/_(bucket|sum|count)$/, '')))
      throw new Error(`without a type: ${name}`);
    samples.push({ series, name, labels, value: Number(value) });
  }
  return {
    types,
    value: (series) => samples.find((sample) => sample.series === series)?.value,
    sum: (name, labels = {}) => {
      const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      return samples
        .filter((sample) => sample.name === name && wanted.every((one) => sample.labels.includes(one)))
        .reduce((sum, { value }) => sum + value, 0);
    },
    labels: (name, label) => {
      const pattern = new RegExp(`(?:^|,)${label}="([^"]*)"`);
      const values = samples
        .filter((sample) => sample.name === name)
        .map(({ labels }) => pattern.exec(labels)?.[1] ?? '');
      return [...new Set(values)].sort();
    },
  };
}

export async function readPage(url: string): Promise<Page> {
  const response = await fetch(new URL('/metrics', url));
  if (response.status !== 200) throw new Error(`/metrics answers ${response.status}`);
  return parsePage(await response.text());
}
