import type { FuzzReport } from './fuzz.js';
import type { NumberedComplaint } from './run.js';

/** For people: figures first, then what was wrong and how to see it again. */
export function summary(report: FuzzReport): string {
  const { complaints, longestPause, answers, descriptors, counts } = report;
  return [
    `seed ${report.seed}: ${report.requests} requests in ${report.seconds.toFixed(0)} s`,
    `answers: ${Object.entries(answers)
      .map(([status, count]) => `${status}: ${count}`)
      .join(', ')}`,
    `events: ${report.acknowledged} acknowledged, ${JSON.stringify(counts)}, ${report.compared} compared with what was sent`,
    `dead letters: ${JSON.stringify(report.deadLetters)}`,
    `event loop blocked for at most ${longestPause.blockedMs.toFixed(0)} ms (${longestPause.wallMs.toFixed(0)} ms by the clock), during: ${longestPause.during.join('; ')}`,
    `memory: ${String(report.peakRssMb)} MB; descriptors: ${String(descriptors.before)} before, ${String(descriptors.after)} after; connections left: ${report.clientsLeft}`,
    `${complaints.length} complaints`,
    ...complaints.map((complaint) => told(complaint, report.seed)),
  ].join('\n');
}

const SHOWN_BYTES = 2_000;

function told({ shot, what, sent }: NumberedComplaint, seed: number): string {
  const again = `npm run fuzz -- --seed ${seed} --first ${shot} --requests 1`;
  const bytes = JSON.stringify(sent.toString('latin1', 0, SHOWN_BYTES));
  return `- ${what}\n  again: ${again}\n  sent (latin1, ${sent.length} bytes): ${bytes}`;
}
