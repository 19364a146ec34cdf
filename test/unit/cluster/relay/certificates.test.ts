import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { type CertificatePaths, identityOf, LockedKeyError } from '../../../../src/cluster/relay/certificates.js';
import { CredentialStore } from '../../../../src/cluster/relay/credential-store.js';
import { silentLogger } from '../../../../src/log.js';
import { Authority } from '../../../support/certificates.js';
import { clusterId, SwarmFolder, withHeaders } from './swarm-folder.js';

let root: string;
let folder: SwarmFolder;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'routemesh-certificates-'));
  folder = new SwarmFolder(root);
});
afterEach(() => rm(root, { recursive: true }));

const readCredentials = (paths: CertificatePaths) => new CredentialStore({ paths, logger: silentLogger }).read();

describe('Swarm’s own certificate of a node', () => {
  it('says who the node is, and serves TLS although Swarm keeps words of its own in the key', async () => {
    const authority = new Authority();
    await folder.write(authority, 'n1', 'swarm-manager');
    const { certificate, key, ...identity } = await readCredentials(folder.paths);
    expect(identity).toMatchObject({ nodeId: 'n1', role: 'swarm-manager', clusterId, authority: authority.certificate });

    const server = createServer({ cert: certificate, key });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ca: identity.authority, checkServerIdentity: () => undefined });
    await once(socket, 'secureConnect');
    expect(socket.authorized).toBe(true);
    socket.destroy();
    server.close();
  });

  it('is refused with the reason when it is another’s, cut off, or not there', async () => {
    const authority = new Authority();
    await expect(readCredentials(folder.paths)).rejects.toThrow("swarm-node.crt can't be read");
    const one = authority.issue({ CN: 'n1', OU: 'swarm-worker', O: clusterId });
    const other = authority.issue({ CN: 'n1', OU: 'swarm-worker', O: clusterId });
    await folder.put({ certificate: one.certificate, key: other.key }, authority.certificate);
    await expect(readCredentials(folder.paths)).rejects.toThrow('do not belong together');
    await folder.put({ certificate: one.certificate.slice(0, 200), key: one.key }, authority.certificate);
    await expect(readCredentials(folder.paths)).rejects.toThrow("swarm-node.crt can't be used");
    await folder.put(authority.issue({ CN: 'n1' }), authority.certificate);
    await expect(readCredentials(folder.paths)).rejects.toThrow('expected its OU');
  });

  it('of an autolocked manager is refused with what to do instead', async () => {
    const authority = new Authority();
    const { certificate, key } = authority.issue({ CN: 'n1', OU: 'swarm-manager', O: clusterId });
    const encrypted = withHeaders(key.replaceAll('EC PRIVATE', 'ENCRYPTED PRIVATE'));
    await folder.put({ certificate, key: encrypted }, authority.certificate);
    await expect(readCredentials(folder.paths)).rejects.toThrow(LockedKeyError);
    await expect(readCredentials(folder.paths)).rejects.toThrow('relayCertificate, relayKey and relayAuthority');
  });

  it('names one node of one cluster, or nobody', () => {
    const subject = { CN: 'n1', OU: 'swarm-worker', O: 'c1' };
    expect(identityOf(subject)).toEqual({ nodeId: 'n1', role: 'swarm-worker', clusterId: 'c1' });
    for (const odd of [{ CN: ['n1', 'n2'] }, { OU: 'swarm-ca' }, { OU: ['swarm-manager', 'swarm-worker'] }, { O: '' }, { CN: 'n1\nCN=n2' }]) {
      expect(identityOf({ ...subject, ...odd })).toEqual(expect.any(String));
    }
    expect(identityOf(undefined)).toEqual(expect.any(String));
  });
});

describe('a rotation', () => {
  it('is picked up while the controller runs, and one half written loses nothing', async () => {
    const authority = new Authority();
    await folder.write(authority, 'n1', 'swarm-worker');
    const store = new CredentialStore({ paths: folder.paths, logger: silentLogger, pollMilliseconds: 200 });
    const stop = new AbortController();
    const changed = () => new Promise<void>((resolve) => { const end = store.onChange(() => { end(); resolve(); }); });
    const first = changed();
    const following = store.follow(stop.signal);
    await first;
    const before = store.current.certificate;

    const half = authority.issue({ CN: 'n1', OU: 'swarm-worker', O: clusterId });
    await folder.put({ certificate: before, key: half.key }, authority.certificate);
    const second = changed();
    const rotated = await folder.write(authority, 'n1', 'swarm-manager');
    await second;

    expect(store.current).toMatchObject({ certificate: rotated.certificate, role: 'swarm-manager' });
    stop.abort();
    await following;
  });
});
