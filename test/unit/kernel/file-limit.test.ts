import { expect, it } from '@jest/globals';
import { openFilesIn } from '../../../src/kernel/file-limit.js';
import { plan } from '../../../src/plan/plan.js';
import { cluster, contextFor, placeOf, port, service } from '../plan/fixtures.js';

it.each([
  ['Limit                     Soft Limit           Hard Limit           Units     \nMax processes             63288                63288                processes \nMax open files            1024                 524288               files     \n', 1024],
  ['Max open files            unlimited            unlimited            files     \n', Infinity],
  ['', Infinity],
])('reads how many files may be open', (limits, files) => {
  expect(openFilesIn(limits)).toBe(files);
});

it('serves ports that it has no sockets for, and says so, instead of failing for want of files', () => {
  const state = cluster({ services: [service('web', [80, 81, 82].map((number) => port(number, 80, { publishedBy: 'file' })))] });
  const planned = plan(state, contextFor(state, { mostPlaceholders: 2 }));

  expect(planned.ports).toHaveLength(3);
  expect(placeOf(planned, 'host').placeholders).toEqual([{ protocol: 'tcp', port: 80 }, { protocol: 'tcp', port: 81 }]);
  expect(planned.conditions.map(({ reason, message }) => `${reason}: ${message}`)).toEqual([expect.stringMatching(/^PlaceholdersShort: 1 of 3 published ports .*LimitNOFILE/)]);
  expect(plan(state, contextFor(state)).conditions).toEqual([]);
});
