import { describe, expect, it } from '@jest/globals';
import { renderCleanup } from '../../../src/cli/cleanup.js';
import type { Change } from '../../../src/kernel/change.js';
import { keptOutput } from './view.js';

const chain: Change = { kind: 'iptables', place: 'host', action: 'remove', key: 'x', summary: 'chain nat MESH-INGRESS' };

describe('cleanup for people', () => {
  it('names what was removed, and that nothing is left', () => {
    expect(renderCleanup([chain], [], false, keptOutput())).toBe('host\n  iptables\n    - chain nat MESH-INGRESS\n\n1 object removed; nothing of routemesh is left on this node.\n');
    expect(renderCleanup([], [], false, keptOutput())).toBe('Nothing of routemesh is on this node.\n');
  });

  it('does not claim to have removed anything on a dry run', () => {
    expect(renderCleanup([chain], [], true, keptOutput())).toContain('1 object would be removed.');
    expect(renderCleanup([chain], [{ change: chain, message: 'EPERM' }], true, keptOutput())).not.toContain('object removed');
  });

  it('names what could not be removed', () => {
    const text = renderCleanup([], [{ change: chain, message: 'EBUSY' }], false, keptOutput());
    expect(text).toContain('Could not remove host chain nat MESH-INGRESS: EBUSY');
    expect(text).toContain('1 left');
  });
});
