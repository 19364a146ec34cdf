import { describe, expect, it } from '@jest/globals';
import type { Change } from '../../../src/kernel/change.js';
import { differenceOfPlans } from '../../../src/kernel/difference.js';
import { closedMarks, goesDown } from '../../../src/kernel/order.js';
import { plan } from '../../../src/plan/plan.js';
import { cluster, contextFor, port, service, task } from '../plan/fixtures.js';

const web = service('web', [port(8080, 80)]);
const dns = service('dns', [port(53, 53)]);
const planned = (webIsRemoved: boolean) => {
  const state = cluster({
    services: [{ ...web, removed: webIsRemoved }, dns],
    tasks: [task('web', 1, { weight: webIsRemoved ? 0 : 1 }), task('dns', 2, { weight: webIsRemoved ? 0 : 1 })],
  });
  return plan(state, contextFor(state));
};

describe('the order in which a port closes', () => {
  const [open, closed] = [planned(false), planned(true)];
  const changes = differenceOfPlans(open, closed);
  const isDown = (change: Change) => goesDown(change, closedMarks(closed));
  const find = (part: string): Change => {
    const found = changes.find(({ summary }) => summary.includes(part));
    if (found === undefined) throw new Error(`no change ${part} among ${changes.map(({ summary }) => summary).join('; ')}`);
    return found;
  };

  it('takes the weight of its real servers on the way down, behind the DNAT: till then a client would be refused', () => {
    expect(isDown(find('10.0.0.5:80 of tcp/8080'))).toBe(true);
    expect(isDown(find('rule nat MESH-INGRESS -p tcp -m tcp --dport 8080'))).toBe(true);
  });

  it('takes the weight of a stopping task of a port that stays open at once', () => {
    expect(isDown(find('10.0.0.6:53 of tcp/53'))).toBe(false);
  });
});
