# The same commands that README.md gives to people, in the order in which their inputs change.
FROM node:24-bookworm-slim AS base
WORKDIR /app
COPY package.json package-lock.json ./

FROM base AS build
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY src ./src
RUN npm run build

# The embedded PostgreSQL is among them (60 MB): without DATABASE_URL, one container is all that is needed.
FROM base AS dependencies
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="call-logger" \
      org.opencontainers.image.description="Ingestion service for betting alerts: durable over HTTP, each event exactly once into PostgreSQL" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"

# As process 1 it passes signals on, and reaps what a killed PostgreSQL leaves behind, which Node.js does not.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* \
 && install --directory --owner=node --group=node --mode=0711 /data

WORKDIR /app
COPY package.json LICENSE ./
COPY drizzle/migrations ./drizzle/migrations
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist

# 0.0.0.0 is open to other machines: the service does not start on it without INGEST_KEYS, READ_KEYS and ADMIN_KEYS.
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data
EXPOSE 3000
VOLUME /data

# The user "node" by its number, which is what Kubernetes can see not to be root. It owns nothing but /data.
USER 1000:1000
ENTRYPOINT ["tini", "--"]
CMD ["node", "dist/server.js"]

# Ready means that events can be taken durably; a database that is away does not make it unready.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
