/** Begins the API document and the docs page: for somebody who has never heard of the service. Markdown. */
export const introduction = `\
Keeps every betting alert ("call") that was sent to users, who clicked on it, and how the bet ended.

- **Bots** send *events*: calls, clicks and results. 202 means that an event is synced to disk; it reaches PostgreSQL
  exactly once, and sending it again changes nothing.
- **Analysts** read *calls*, ask for *statistics* and take training sets away with *exports*.
- **Operators** look after cleanups, backups and dead letters under *admin*.

Trying it out in the browser, at \`/docs\`:

1. **Authorize**: paste your key into one of the two fields, press *Authorize*, then *Close*. A read key opens calls,
   statistics and exports. A service that was started without keys needs none.
2. **Choose a request**: \`GET /v1/stats\` under *statistics* is a good first one. Open it and press *Try it out*; it is
   filled in to group by sport.
3. **Execute**: the answer comes with the same request for the command line.

The page keeps the key until it is closed or reloaded, and stores it nowhere. The same description for programs is
\`/openapi.json\`.
`;
