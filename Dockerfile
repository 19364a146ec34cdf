# routemesh's controller in a container: see docs/install.md and docker-compose.yml.
#
# The iptables of this image must be of the host's back end (`iptables --version` there says "nf_tables" or "legacy"),
# or the mesh's rules and dockerd's would live in different tables. Debian's default is nf_tables; for the other:
#   docker build --build-arg IPTABLES_BACKEND=legacy .
ARG NODE_IMAGE=node:20-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# No scripts of packages: koffi ships its binary, nothing else needs any.
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts/bundle.js scripts/
COPY native native
COPY src src
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
ARG IPTABLES_BACKEND=nft
# ipvsadm, iproute2 and conntrack are not needed by the controller, but by people who look at the mesh from here.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends iptables kmod iproute2 ipvsadm conntrack \
 && rm -rf /var/lib/apt/lists/* \
 && update-alternatives --set iptables "/usr/sbin/iptables-${IPTABLES_BACKEND}"
WORKDIR /opt/routemesh
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
RUN chmod +x dist/src/cli/main.js && ln -s /opt/routemesh/dist/src/cli/main.js /usr/local/bin/routemesh
ENV NODE_ENV=production
# Root inside: with the capabilities of docker-compose.yml and no others.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["node", "-e", "require('node:http').get({ socketPath: '/run/routemesh/control.sock', path: '/readyz' }, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["routemesh"]
CMD ["run"]
