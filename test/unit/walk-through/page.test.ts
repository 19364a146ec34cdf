import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { normalisations, normalised } from '../../support/walk-through/normalise.js';
import { changesSomething, PageError, stepsOf, withOutputs } from '../../support/walk-through/page.js';

const page = `# How it works

\`\`\`sh
scripts/lab up
\`\`\`

\`\`\`console
h1 # docker service ls
ID   NAME
abc  web

client $ curl \\
    http://192.168.56.11:8080/
hello
h1 # true
\`\`\`

\`\`\`console
h2 # ip addr
lo
lab $ scripts/lab cable h3 cut
\`\`\`
`;

describe('the commands of a page', () => {
  it('are found in the page’s order with their place and output; blocks of another kind are not run', () => {
    expect(stepsOf(page)).toEqual([
      { line: 8, place: 'h1', command: 'docker service ls', output: ['ID   NAME', 'abc  web', ''] },
      { line: 12, place: 'client', command: 'curl \\\n    http://192.168.56.11:8080/', output: ['hello'] },
      { line: 15, place: 'h1', command: 'true', output: [] },
      { line: 19, place: 'h2', command: 'ip addr', output: ['lo'] },
      { line: 21, place: 'lab', command: 'scripts/lab cable h3 cut', output: [] },
    ]);
  });

  it.each([
    ['output before any prompt', '```console\nhello\n```', 'line 2'],
    ['output of a block before', '```console\nh1 # true\n```\n```console\nhello\n```', 'line 5'],
    ['a block without an end', 'text\n```console\nh1 # true', 'line 2'],
    ['a block inside of another', '```console\nh1 # true\n```sh\n```', 'line 3'],
    ['a word that nobody knows', '```console root\nh1 # true\n```', 'line 1'],
    ['a command that does not end', '```console\nh1 # echo \\\n```', 'line 3'],
  ])('that would be skipped in silence are an error: %s', (_name, text, where) => {
    expect(() => stepsOf(text)).toThrow(PageError);
    expect(() => stepsOf(text)).toThrow(where);
  });

  it('get new outputs and leave the rest of the page as it is', () => {
    const outputs = new Map([[8, ['nothing']], [12, ['hello', 'again']], [15, ['done']]]);
    const changed = withOutputs(page, outputs);
    expect(stepsOf(changed).map(({ output }) => output)).toEqual([['nothing'], ['hello', 'again'], ['done'], ['lo'], []]);
    expect(changed.replace('nothing', 'ID   NAME\nabc  web\n').replace('hello\nagain', 'hello').replace('done\n', '')).toBe(page);
    expect(withOutputs(page, new Map())).toBe(page);
  });

  it('that change something are run once, and those that only look may be repeated', () => {
    const changes = ['docker service scale --detach web=1', 'iptables -I DOCKER-USER -j DROP', 'ip netns exec mesh_sbox ipvsadm -C', '/run/lab/bin/mesh start', 'iptables -t nat -F MESH-INGRESS', 'docker pause x', 'ip link del mesh_gwbridge', 'scripts/lab cable h3 cut', 'docker inspect x > /tmp/pid'];
    const looks = ['iptables -nL -t nat', 'docker service ls', 'ip netns exec mesh_sbox ipvsadm -ln', 'ip addr show mesh_gwbridge', 'routemesh trace 8080', 'curl http://192.168.56.11:8080/who', 'bridge fdb show dev vxlan0'];
    expect(changes.filter((command) => !changesSomething(command))).toEqual([]);
    expect(looks.filter(changesSomething)).toEqual([]);
  });
});

describe('what may differ between two runs', () => {
  it.each([
    ['hardware addresses', 'link/ether 02:42:ac:12:00:02 brd', 'link/ether 02:42:0a:00:00:07 brd'],
    ['container ids', '3f2a9c81d0be sees 192.168.56.100:40000', '0123456789ab sees 192.168.56.100:51234'],
    ['ports that dockerd’s sandbox gives', '3f2a9c81d0be sees 10.0.0.2:38572', '3f2a9c81d0be sees 10.0.0.2:56426'],
    ['ports that the kernel gives', 'src=192.168.56.100 dst=10.0.0.5 sport=38932 dport=80', 'src=192.168.56.100 dst=10.0.0.5 sport=56586 dport=80'],
    ['numbers of interfaces', '12: eth0@if13: <UP>', '7: eth0@if8: <UP>'],
    ['addresses of tasks', '  -> 10.0.0.5:80   Masq    1      0          0', '  -> 10.0.0.12:80  Masq    1      2          11'],
    ['counters', '12 packets', '9 packets'],
    ['round-trip times and silences', 'h3  192.168.56.13  ready  alive, 4.9 ms', 'h3  192.168.56.13  ready  alive, 12 ms'],
    ['round-trip times and silences', 'h3 ready dead, silent for 4 s', 'h3 ready dead, silent for 900 ms'],
    ['dockerd’s marks', 'FWM  256 rr', 'FWM  301 rr'],
  ])('is not compared: %s', (_name, one, other) => {
    expect(normalised([one])).toEqual(normalised([other]));
  });

  it.each([
    ['a weight', '  -> 10.0.0.5:80 Masq 1 0 0', '  -> 10.0.0.5:80 Masq 0 0 0'],
    ['the client’s address', '3f2a9c81d0be sees 192.168.56.100:40000', '3f2a9c81d0be sees 10.0.0.2:40000'],
    ['our own addresses', 'inet 172.30.0.2/24', 'inet 172.30.0.3/24'],
    ['a published port', 'tcp dpt:8080', 'tcp dpt:8081'],
    ['a mark', 'MARK set 0x61f90', 'MARK set 0x61f91'],
    ['a network', '10.0.0.0/24', '10.0.1.0/24'],
    ['a peer that is dead', 'h3 ready alive, 4.9 ms', 'h3 ready dead, 4.9 ms'],
    ['a scheduler', 'FWM  401296 rr', 'FWM  401296 wlc'],
  ])('is nothing that a reader would look at: %s', (_name, one, other) => {
    expect(normalised([one])).not.toEqual(normalised([other]));
  });

  it('is the order of addresses that Docker gives, and no other', () => {
    expect(normalised(['10.0.0.5 via 100.104.56.12', '10.0.0.6 dev task-0123456789'])).toEqual(normalised(['10.0.0.7 dev task-0123456789', '10.0.0.8 via 100.104.56.12']));
    expect(normalised(['FWM 1 rr', '  -> 10.0.0.6:81 Masq 1 0 0', '  -> 10.0.0.5:80 Masq 1 0 0'])).toEqual(normalised(['FWM 1 rr', '  -> 10.0.0.5:80 Masq 1 0 0', '  -> 10.0.0.6:81 Masq 1 0 0']));
    expect(normalised(['b', 'a'])).not.toEqual(normalised(['a', 'b']));
  });
});

describe('the pages of the walk-through', () => {
  const textOf = (name: string): string => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');

  it.each([['walk-through.md', 50], ['walk-through-nodes.md', 25]] as const)('can be read: %s', (name, least) => {
    expect(stepsOf(textOf(name)).length).toBeGreaterThan(least);
  });

  it('list all that is not compared', () => {
    for (const { name } of normalisations) expect(textOf('walk-through.md')).toContain(name);
  });
});
