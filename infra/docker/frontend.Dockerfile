# The dashboard: built with Node, served by Caddy.
ARG NODE_IMAGE=node:22-trixie-slim
ARG CADDY_IMAGE=caddy:2-alpine

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY services/frontend/package.json services/frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund --loglevel=error
COPY services/frontend ./
RUN npm run --silent build

FROM ${CADDY_IMAGE}
COPY infra/docker/Caddyfile /etc/caddy/Caddyfile
COPY --from=build /src/dist /srv
USER 10001:10001
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
