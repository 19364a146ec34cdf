import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { applyChange, changeBetween, parseLine, parseListing, ProtocolError, type Change } from '../../../../src/cluster/relay/protocol.js';
import { emptyClusterState, type ClusterState } from '../../../../src/cluster/state.js';
import { web } from './states.js';

const epoch = '0123456789abcdef0123456789abcdef';

/** States of a few objects that come, go and change. */
const states = fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 1 }), fc.boolean(), fc.boolean()).map(([replicas, weight, ready, warned]): ClusterState => {
  const state = web(replicas);
  return {
    ...state,
    nodes: state.nodes.map((node) => ({ ...node, ready })),
    tasks: state.tasks.map((task) => ({ ...task, weight })),
    conditions: warned ? [{ reason: 'BadPolicy', object: { kind: 'service', id: 'webid', name: 'web' }, message: 'label "x"' }] : [],
  };
});

describe('a follower', () => {
  it('has the manager’s very state after each change, whatever came, went or changed', () => {
    fc.assert(
      fc.property(fc.array(states, { minLength: 1, maxLength: 8 }), (history) => {
        let followed: ClusterState = emptyClusterState;
        let before: ClusterState = emptyClusterState;
        history.forEach((state, index) => {
          const line = parseLine(JSON.stringify(changeBetween(before, state, index + 1)));
          followed = applyChange(followed, line as Change);
          before = state;
          expect(followed).toEqual(state);
        });
      }),
    );
  });

  it('is sent only what changed: a cluster of thousands of tasks is not sent anew for one', () => {
    const change = changeBetween(web(3), web(4), 2);
    expect(change.changed.tasks.map(({ id }) => id)).toEqual(['t4']);
    expect([change.changed.nodes, change.changed.services, change.removed.tasks, change.conditions]).toEqual([[], [], [], undefined]);
  });

  it('does not go on from a change that is not of its state', () => {
    expect(() => applyChange(web(1), changeBetween(web(3), web(2), 2))).toThrow('removes one of the tasks that is not there');
    const services = { ...web(1), services: [], tasks: [] };
    expect(() => applyChange(web(2), changeBetween(web(1), services, 2))).toThrow('of a service or a node that is not in it');
  });
});

describe('what a manager sends is refused as strictly as labels, with the reason', () => {
  const listing = (state: unknown, more = {}) => JSON.stringify({ epoch, revision: 1, available: true, state, ...more });

  it('whole and right, it is taken', () => {
    expect(parseListing(listing(web(2))).state).toEqual(web(2));
  });

  it.each<[string, string, string]>([
    ['half a state', listing(web(2)).slice(0, 100), 'not JSON'],
    ['an unknown field', listing(web(2), { shell: 'sh' }), 'shell'],
    ['a word of iptables for an address', listing(web(1)).replace('10.0.0.8', '10.0.0.8 -j ACCEPT'), 'expected an IPv4 address at state.tasks.0.identity.address'],
    ['a port out of range', listing(web(1)).replace('8080', '70000'), 'state.services.0.ports.0.published'],
    ['a name that moves the cursor', listing(web(1)).replace('"web.1"', '"web\\u001b[2J"'), 'state.tasks.0.name'],
    ['a condition that forges a line', listing({ ...web(1), conditions: [{ reason: 'BadPolicy', object: { kind: 'service', id: 'webid', name: 'web' }, message: 'a\nb' }] }), 'state.conditions.0.message'],
    ['a task twice', listing({ ...web(1), tasks: [...web(1).tasks, ...web(1).tasks] }), 'not unique'],
    ['a task of no service', listing({ ...web(1), services: [] }), 'of a service or a node that is not in it'],
    ['a revision that is no number', listing(web(1), { revision: 1.5 }), 'revision'],
    ['an epoch that would change the request’s path', listing(web(1), { epoch: '../../etc' }), 'epoch'],
  ])('%s', (_, text, words) => {
    expect(() => parseListing(text)).toThrow(ProtocolError);
    expect(() => parseListing(text)).toThrow(words);
  });

  it.each(['', '[]', '{"type":"run"}', '{"type":"heartbeat","revision":0,"available":true}', '{"type":"heartbeat","revision":1,"available":"yes"}'])('a line such as %j', (line) => {
    expect(() => parseLine(line)).toThrow(ProtocolError);
  });
});
