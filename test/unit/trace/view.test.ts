import { describe, expect, it } from '@jest/globals';
import picocolors from 'picocolors';
import { plainColours } from '../../../src/cli/output.js';
import type { Observation } from '../../../src/trace/observation.js';
import { parseRequest } from '../../../src/trace/request.js';
import { trace } from '../../../src/trace/trace.js';
import { renderTrace } from '../../../src/trace/view.js';
import { node, state, virtualServices } from './node.js';
import { besideOlderDocker } from './samples.js';

function render(seen: Observation, columns: number | null = null, port = '8080'): string {
  return renderTrace(trace(seen, parseRequest(port)), { columns, colours: plainColours });
}

const withRule = (rule: string): Observation => node({ host: besideOlderDocker.replace('-A DOCKER-USER -s', `-A DOCKER-USER ${rule}\n[0:0] -A DOCKER-USER -s`) });

describe('a trace for people', () => {
  it('goes from hop to hop, each with its rules, counters and the commands that show them, and ends with the verdict', () => {
    const text = render(node());
    expect(text.split('\n').slice(0, 6)).toEqual([
      'tcp/8080 of service web, from 192.0.2.1 by eth0 to 192.168.56.11',
      'host',
      '  ok    nat PREROUTING: rule 1 of MESH-INGRESS sends it to 172.30.0.2:8080',
      '        PREROUTING 1    12 packets  -m addrtype --dst-type LOCAL -j MESH-INGRESS',
      '        MESH-INGRESS 1  12 packets    -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.30.0.2:8080',
      '        $ iptables -t nat -nvL PREROUTING --line-numbers',
    ]);
    expect(text).toContain('\n  10.0.0.6:80       1       3         1  web.2  h2    reaches\n');
    expect(text).toContain('\nTo web.1 (10.0.0.5:80)\nmesh_sbox\n');
    expect(text).toMatch(/\n\nREACHES: tcp\/8080 leads to 2 of 2 tasks, and back\n$/);
  });

  it('says at its end where the packet ends, why, and what to do', () => {
    expect(render(withRule('-j DROP'))).toMatch(
      /\n\nENDS at host, filter FORWARD: rule 1 of DOCKER-USER drops it\n {2}a firewall rule of this node drops it: -A DOCKER-USER -j DROP\n {2}→ If that is not meant for this port, delete the rule \(`iptables -t filter -D DOCKER-USER 1`\).*\n$/,
    );
  });

  it('marks what can’t be told, and says "probably"', () => {
    const text = render(withRule('-m set --match-set banned src -j DROP'));
    expect(text).toContain('  ?     filter FORWARD: ');
    expect(text).toContain('? DOCKER-USER 1');
    expect(text).toMatch(/\n\nPROBABLY REACHES: .*\n {2}What is marked with \? can’t be told from here\.\n$/);
  });

  it('counts the tasks that it does not lead to', () => {
    const seen = { ...node(), tasks: [] };
    expect(render(seen)).toContain('\nREACHES: tcp/8080 leads to 1 of 2 tasks, and back\n');
    expect(render(seen)).toContain('ENDS  cable: leaves by task-web1xxxxxx');
  });

  it('shows of a hundred like tasks one, and all in the table', () => {
    const many = Array.from({ length: 100 }, () => virtualServices().at(-2)?.servers ?? []).flat();
    const text = render(node({ ipvs: virtualServices().map((service) => ({ ...service, servers: many })) }));
    expect(text.match(/10\.0\.0\.5:80 /g)?.length).toBeGreaterThanOrEqual(100);
    expect(text.match(/^To /gm)).toHaveLength(2);
  });

  it.each([44, 60, 80, 120])('stays inside a terminal of %d columns, but for commands, which are to be copied whole', (columns) => {
    for (const seen of [node(), withRule('-j DROP'), withRule('-m set --match-set banned src -j DROP')]) {
      const lines = render(seen, columns).split('\n').filter((line) => !line.trimStart().startsWith('$ '));
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
    }
  });

  it('is coloured where colours are wanted, and says the same', () => {
    const found = trace(node(), parseRequest('8080'));
    const coloured = renderTrace(found, { columns: 100, colours: picocolors.createColors(true) });
    expect(coloured).toContain('\u001b[');
    // eslint-disable-next-line no-control-regex
    expect(coloured.replaceAll(/\u001b\[\d+m/g, '').replaceAll(/ +$/gm, '')).toBe(renderTrace(found, { columns: 100, colours: plainColours }));
  });
});

describe('a stranger’s words', () => {
  it('do not reach the terminal as they are', () => {
    const named = { ...state, services: state.services.map((service) => ({ ...service, name: 'we\u001b]0;b' })), tasks: state.tasks.map((task) => ({ ...task, name: `\u001b[2J${task.name}` })) };
    // eslint-disable-next-line no-control-regex
    expect(render({ ...withRule('-m comment --comment "\u001b[2J\u202e" -j DROP'), cluster: named })).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    // eslint-disable-next-line no-control-regex
    expect(render(node({ cluster: named }))).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  it('are no commands for the shell that a line is pasted into', () => {
    const host = besideOlderDocker.replace(':MESH-INGRESS - ', ":$(reboot)'; - [0:0]\n:MESH-INGRESS - ").replace('-A DOCKER-USER -s', "-A DOCKER-USER -j $(reboot)';\n[0:0] -A $(reboot)'; -j DROP\n[0:0] -A DOCKER-USER -s");
    const text = render(node({ host }));
    expect(text).toContain("$ iptables -t filter -nvL '$(reboot)'\\'';' --line-numbers\n");
    expect(text).toContain("`iptables -t filter -D '$(reboot)'\\'';' 1`");
  });
});
