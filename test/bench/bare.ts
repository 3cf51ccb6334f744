/** What HTTP alone costs: Fastify as it comes, its own JSON parsing, no schema, no log, nothing done with the call. */
import fastify from 'fastify';

const app = fastify();
app.post<{ Body: { call_id: string } }>('/v1/calls', async ({ body }, reply) =>
  reply.code(202).send({ call_id: body.call_id }),
);
process.once('SIGTERM', () => {
  app.server.closeAllConnections();
  void app.close().then(() => process.exit(0));
});
process.stderr.write(`listens on ${await app.listen({ host: '127.0.0.1', port: 0 })}\n`);
