import { expect, test } from '@jest/globals';
import { convertSwarmInfo } from '../../../../src/cluster/docker/swarm-info.js';

const swarm = {
  NodeID: 'vjcmyxzhouy4x2b4xdg4ber0v',
  NodeAddr: '192.168.56.11',
  LocalNodeState: 'active',
  ControlAvailable: true,
  Error: '',
  RemoteManagers: [{ NodeID: 'vjcmyxzhouy4x2b4xdg4ber0v', Addr: '192.168.56.11:2377' }],
  Cluster: { ID: '7ru3iubczmb0q6j8kaqttjpj9' },
};

test('a manager knows itself, so that the controller knows which node it programs', () => {
  expect(convertSwarmInfo({ Name: 'h1', ServerVersion: '20.10.24+dfsg1', Swarm: swarm })).toEqual({
    role: 'manager',
    localState: 'active',
    nodeId: 'vjcmyxzhouy4x2b4xdg4ber0v',
    address: '192.168.56.11',
    clusterId: '7ru3iubczmb0q6j8kaqttjpj9',
    hostName: 'h1',
    dockerRoot: '/var/lib/docker',
    dockerVersion: '20.10.24+dfsg1',
    managers: [{ nodeId: 'vjcmyxzhouy4x2b4xdg4ber0v', address: '192.168.56.11:2377' }],
    error: '',
  });
});

test('a worker, a node outside of any Swarm, and garbage are told apart', () => {
  const { Cluster: _, ...rest } = swarm;
  expect(convertSwarmInfo({ Swarm: { ...rest, ControlAvailable: false } }).role).toBe('worker');
  expect(convertSwarmInfo({ Swarm: { NodeID: '', NodeAddr: '', LocalNodeState: 'inactive', ControlAvailable: false, Error: '', RemoteManagers: null } })).toMatchObject({ role: 'none', nodeId: null, managers: [] });
  expect(convertSwarmInfo(null)).toMatchObject({ role: 'none', nodeId: null, address: null });
});
