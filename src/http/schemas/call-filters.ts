/** The parameters that choose calls: the same for the list, the statistics and the exports. */
import { type Static, type TObject, Type } from 'typebox';
import { CALL_TYPES } from '../../events/call.js';
import { OUTCOMES } from '../../events/result.js';

const text = (description: string, ...examples: string[]) =>
  Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 256,
      description: `${description} Exactly as sent, upper and lower case included.`,
      examples,
    }),
  );
const percent = (description: string, ...examples: number[]) =>
  Type.Optional(Type.Number({ minimum: -1e9, maximum: 1e9, description, examples }));

export const timeParameter = (description: string, ...examples: string[]) =>
  Type.Optional(
    Type.String({
      description: `${description} RFC 3339 with an offset (a + has to be written %2B), or a day, which stands for its midnight in UTC.`,
      examples,
    }),
  );

export const callFilters = {
  call_type: Type.Optional(
    Type.Enum([...CALL_TYPES], {
      type: 'string',
      description: 'Only calls of this type.',
      examples: ['arbitrage'],
    }),
  ),
  sport: text('Only calls of this sport.', 'icehockey', 'tennis'),
  league: text('Only calls of this league.', 'NHL'),
  market: text('Only calls of this market.', 'total_5.5/6'),
  book: text('Only calls with this bookmaker on either side.', 'Pinnacle'),
  team: text('Only calls with this team or player on either side.', 'Calgary Flames'),
  source: text('Only calls of this sender.', 'odds-api'),
  outcome: Type.Optional(
    Type.Enum([...OUTCOMES], {
      type: 'string',
      description: 'Only calls whose settlement in force says so.',
      examples: ['a_won'],
    }),
  ),
  user_id: text('Only calls this user clicked on at least once.', 'u166'),
  min_roi: percent('Only calls with a roi_percent of at least this, in percent.', 2),
  max_roi: percent('Only calls with a roi_percent below this, in percent.', 5),
  from: timeParameter('Only calls sent at this time or later.', '2025-10-22T00:00:00Z', '2025-10-22'),
  to: timeParameter('Only calls sent before this time.', '2025-10-23T00:00:00Z', '2025-10-23'),
};

export type CallFiltersQuery = Static<TObject<typeof callFilters>>;
