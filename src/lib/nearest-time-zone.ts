import { nearestName, snakeCase } from './nearest-name.js';
import { isTimeZoneName } from './time-zone.js';

/** What people write for a zone that is no name of one: abbreviations, and offsets of broken hours. */
const WRITTEN_FOR: Readonly<Record<string, string>> = {
  UTC: 'Z ZULU',
  'Europe/London': 'BST',
  'Europe/Lisbon': 'WET WEST',
  'Europe/Paris': 'CET CEST MET MEST',
  'Europe/Athens': 'EET EEST',
  'Europe/Moscow': 'MSK',
  'America/New_York': 'EST EDT EST5EDT',
  'America/Chicago': 'CST CDT CST6CDT',
  'America/Denver': 'MST MDT MST7MDT',
  'America/Los_Angeles': 'PST PDT PST8PDT',
  'America/St_Johns': '-03:30',
  'Asia/Tehran': '+03:30',
  'Asia/Kabul': '+04:30',
  'Asia/Kolkata': '+05:30 IST',
  'Asia/Kathmandu': '+05:45',
  'Asia/Yangon': '+06:30',
  'Asia/Tokyo': 'JST',
  'Australia/Darwin': '+09:30',
  'Australia/Sydney': 'AEST AEDT',
  'Pacific/Auckland': 'NZST NZDT',
};

let known: ReadonlyMap<string, string> | undefined;

/** The zone that was probably meant by CET, +02:00, paris or Europe/Pariss. */
export function nearestTimeZone(text: string): string | undefined {
  known ??= knownZones();
  // A + in a URL is read as a space.
  const withPlus = text.replace(' ', '+');
  const isOtherwiseName = withPlus !== text && isTimeZoneName(withPlus);
  const zone = isOtherwiseName
    ? withPlus
    : (ofOffset(withPlus, known) ?? known.get(snakeCase(text)) ?? linkedFrom(text) ?? nearest(text, known));
  return zone === text ? undefined : zone;
}

/** Zones by their names, by the last parts of these, and by what is written for them. */
function knownZones(): Map<string, string> {
  const zones = new Map<string, string>();
  const add = (name: string, zone: string): void => {
    const key = snakeCase(name);
    if (!zones.has(key)) zones.set(key, zone);
  };
  for (const zone of [...Object.keys(WRITTEN_FOR), ...Intl.supportedValuesOf('timeZone')]) {
    add(zone, zone);
    add(zone.slice(zone.lastIndexOf('/') + 1), zone);
    for (const written of WRITTEN_FOR[zone]?.split(' ') ?? []) add(written, zone);
  }
  return zones;
}

/** In the names of the Etc zones the sign is the other way round: Etc/GMT-2 is two hours ahead of UTC. */
function ofOffset(text: string, zones: ReadonlyMap<string, string>): string | undefined {
  const parts = /^(?:UTC|GMT)?([+-]?)(\d{1,2})(?::?([0-5]\d))?$/i.exec(text);
  if (parts === null) return undefined;
  const [, sign, hours = '', minutes = '00'] = parts;
  const isAhead = sign !== '-';
  if (minutes !== '00')
    return zones.get(snakeCase(`${isAhead ? '+' : '-'}${hours.padStart(2, '0')}:${minutes}`));
  if (Number(hours) === 0) return 'UTC';
  if (Number(hours) > (isAhead ? 14 : 12)) return undefined;
  return `Etc/GMT${isAhead ? '-' : '+'}${Number(hours)}`;
}

/** What a name without an area stands for, such as Japan; abbreviations would stand for what nobody means by them. */
function linkedFrom(text: string): string | undefined {
  if (text.length < 4) return undefined;
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions();
    return isTimeZoneName(timeZone) ? timeZone : undefined;
  } catch {
    return undefined;
  }
}

function nearest(text: string, zones: ReadonlyMap<string, string>): string | undefined {
  // One offset is not a slip for another.
  if (!/[a-z]{3}/i.test(text)) return undefined;
  const name = nearestName(text, [...zones.keys()]);
  return name === undefined ? undefined : zones.get(name);
}
