# PostgreSQL with pgvector, from the packages that the image's own sources offer.
ARG POSTGRES_IMAGE=postgres:17-trixie
FROM ${POSTGRES_IMAGE}
USER root
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "postgresql-${PG_MAJOR}-pgvector" \
 && rm -rf /var/lib/apt/lists/*
