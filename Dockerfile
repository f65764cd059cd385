# Four stages: what runs, what builds it, its first run, and the image, which holds Node, the program and nothing to build with.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# No runtime dependency runs a script when it is installed (a test holds that), so none is allowed to. What is optional is native code that
# the program does without, and the only package that has such a script.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
  && find node_modules -type f \( -name '*.map' -o -name '*.md' -o -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' \) -delete

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY src ./src
COPY workers ./workers
COPY rubrics ./rubrics
COPY scripts/build.ts ./scripts/
RUN node --import tsx scripts/build.ts && chmod 755 dist/src/cli.js

# Eight calls, embedded, by the account and in the folder that it will have: that shows that it runs, and leaves its code compiled, so that
# a start needs a quarter less.
FROM node:24-bookworm-slim AS run
WORKDIR /app
COPY package.json ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
RUN install -d -o 10001 -g 10001 dist/code-cache
USER 10001:10001
RUN HOME=/tmp CALLSIFT_DATA=/tmp/callsift node --max-semi-space-size=4 dist/src/cli.js demo --once
# It may be read by all and written by none, whatever the builder makes of owners in a copy.
USER 0:0
RUN chown -R 0:0 dist/code-cache && chmod -R a+rX,go-w dist/code-cache

FROM node:24-bookworm-slim
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Callsift" \
  org.opencontainers.image.description="Every sales call in Bitrix24 transcribed, judged and written to the CRM timeline: once, whatever breaks on the way." \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.licenses="MIT"
# The program needs node alone; a package manager would be one more way to bring something in.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* /opt/yarn* \
  && groupadd --gid 10001 callsift \
  && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin callsift \
  && install -d -o 10001 -g 10001 -m 700 /data \
  && ln -s /app/dist/src/cli.js /usr/local/bin/callsift
WORKDIR /app
COPY package.json README.md LICENSE CHANGELOG.md ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=run /app/dist ./dist
# All files above belong to root: the program can't change itself. It writes to /data and /tmp, and to nothing else.
ENV NODE_ENV=production \
  CALLSIFT_DATA=/data \
  CALLSIFT_HOST=0.0.0.0
USER 10001:10001
VOLUME /data
EXPOSE 8787
STOPSIGNAL SIGTERM
# For `serve`; a worker and the sandbox are asked otherwise (see docker-compose.yml).
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["node", "dist/src/cli.js", "health"]
# As the program's own first line has it.
ENTRYPOINT ["node", "--max-semi-space-size=4", "dist/src/cli.js"]
CMD ["serve"]
