import { describe, expect, it } from '@jest/globals';
import { checkController } from '../../../../src/cli/doctor/controller.js';
import { checkDocker } from '../../../../src/cli/doctor/docker.js';
import { renderFindings } from '../../../../src/cli/doctor/doctor-view.js';
import type { Finding } from '../../../../src/cli/doctor/finding.js';
import { checkForwardOrder } from '../../../../src/cli/doctor/firewall.js';
import { checkModules, modules } from '../../../../src/cli/doctor/modules.js';
import { checkGatewaySubnet, checkMtu, checkSysctls, checkSysctlsWritable, checkVxlanPort, parseRoutes } from '../../../../src/cli/doctor/network.js';
import { checkNode, checkPlatform, checkPrivileges } from '../../../../src/cli/doctor/process.js';
import { checkCertificates, checkRelay } from '../../../../src/cli/doctor/relay.js';
import { checkIptables } from '../../../../src/cli/doctor/tools.js';
import { defaultSettings } from '../../../../src/settings.js';
import { Authority } from '../../../support/certificates.js';
import { keptOutput } from '../view.js';
import { describedMachine } from './machine.js';

function about(findings: readonly Finding[], check: string): Finding {
  const found = findings.find((finding) => finding.check === check);
  if (found === undefined) throw new Error(`nothing is said of ${check}: ${JSON.stringify(findings)}`);
  return found;
}

describe('the doctor on the process', () => {
  it('sends people with another system, an old Node, or no root where they must go', async () => {
    expect(checkPlatform({ platform: 'darwin', kernelRelease: '24' })[0]).toMatchObject({ outcome: 'fail' });
    expect(checkNode({ nodeVersion: '20.18.9' })[0]).toMatchObject({ outcome: 'fail' });
    expect(checkNode({ nodeVersion: '22.0.0' })[0]).toMatchObject({ outcome: 'ok' });
    expect((await checkPrivileges(describedMachine({ userId: 1000 })))[0]?.remedy).toContain('sudo');
  });

  it('names each capability that a container lacks, with the flag that gives it', async () => {
    const files = { '/proc/self/status': 'Name:\tnode\nCapEff:\t0000000000001400\n' };
    const findings = await checkPrivileges(describedMachine({ files }));
    expect(findings.map((finding) => finding.check)).toEqual(['capability SYS_ADMIN', 'capability SYS_PTRACE']);
    expect(findings[0]?.remedy).toContain('--cap-add SYS_ADMIN');
  });
});

describe('the doctor on the kernel', () => {
  const release = '/lib/modules/6.1.0';

  it('tells loaded, built in, loadable and missing modules apart', async () => {
    const files = {
      '/proc/modules': 'veth 1 0 - Live\n',
      [`${release}/modules.builtin`]: 'kernel/net/bridge/bridge.ko\n',
      [`${release}/modules.dep`]: 'kernel/net/netfilter/ipvs/ip_vs.ko.xz: kernel/x.ko\nkernel/net/netfilter/nf-nat.ko:\n',
      '/sys/module/xt_mark/parameters': '',
    };
    const findings = await checkModules(describedMachine({ files }));
    expect(findings).toHaveLength(modules.length);
    expect(about(findings, 'module veth')).toMatchObject({ outcome: 'ok', finding: 'loaded' });
    expect(about(findings, 'module bridge')).toMatchObject({ outcome: 'ok', finding: 'built in' });
    expect(about(findings, 'module xt_mark')).toMatchObject({ outcome: 'ok', finding: 'built in' });
    expect(about(findings, 'module ip_vs').finding).toContain('the kernel loads it');
    expect(about(findings, 'module nf_nat').outcome).toBe('ok');
    expect(about(findings, 'module ip_vs_rr')).toMatchObject({ outcome: 'fail' });
    expect(about(findings, 'module vxlan')).toMatchObject({ outcome: 'warn' });
  });

  it('does not call a module missing that it can’t look for, as in a container without /lib/modules', async () => {
    expect(about(await checkModules(describedMachine({})), 'module ip_vs')).toMatchObject({ outcome: 'warn', remedy: expect.stringContaining('mount /lib/modules') });
  });

  it('believes the configuration of a kernel without modules', async () => {
    const findings = await checkModules(describedMachine({ files: { '/boot/config-6.1.0': 'CONFIG_IP_VS=y\n# CONFIG_IP_VS_RR is not set\n' } }));
    expect(about(findings, 'module ip_vs').outcome).toBe('ok');
    expect(about(findings, 'module ip_vs_rr').outcome).toBe('fail');
  });

  it('warns before the table of tracked connections is full', async () => {
    const files = { '/proc/sys/net/ipv4/ip_forward': '0\n', '/proc/sys/net/netfilter/nf_conntrack_count': '900\n', '/proc/sys/net/netfilter/nf_conntrack_max': '1000\n' };
    const findings = await checkSysctls(describedMachine({ files }));
    expect(about(findings, 'sysctl net.ipv4.ip_forward').finding).toContain('sets it to 1');
    expect(about(findings, 'sysctl net.netfilter.nf_conntrack_max').outcome).toBe('warn');
  });

  it('finds a container whose /proc/sys is read-only', async () => {
    const mounts = (options: string) => ({ '/proc/self/mounts': `proc /proc proc rw 0 0\nproc /proc/sys proc ${options} 0 0\n` });
    expect(await checkSysctlsWritable(describedMachine({ files: mounts('ro,nosuid') }))).toHaveLength(1);
    expect(await checkSysctlsWritable(describedMachine({ files: mounts('rw,nosuid') }))).toHaveLength(0);
  });
});

describe('the doctor on tools', () => {
  const nft = { 'iptables-save --version': 'iptables-save v1.8.9 (nf_tables)', 'iptables-restore --version': 'iptables-restore v1.8.9 (nf_tables)' };

  it('names what is not installed', async () => {
    expect((await checkIptables(describedMachine({}))).map((finding) => finding.outcome)).toEqual(['fail', 'fail']);
  });

  it('finds two back ends side by side, whose rules would not see each other', async () => {
    const mixed = { ...nft, 'iptables-save --version': 'iptables-save v1.8.9 (legacy)' };
    expect(about(await checkIptables(describedMachine({ commands: mixed })), 'iptables back end').outcome).toBe('fail');
    const legacy = { '/proc/net/ip_tables_names': 'nat\nfilter\n' };
    expect(about(await checkIptables(describedMachine({ commands: nft, files: legacy })), 'iptables back end')).toMatchObject({ outcome: 'warn', finding: expect.stringContaining('nat, filter') });
    expect(about(await checkIptables(describedMachine({ commands: nft })), 'iptables back end').outcome).toBe('ok');
  });
});

describe('the doctor on Docker', () => {
  const swarm = { LocalNodeState: 'active', ControlAvailable: true, NodeID: 'n1', Managers: 1, Nodes: 3 };
  const answers = (info: object) => ({ '/version': { Version: '20.10.24', ApiVersion: '1.41' }, '/info': { Swarm: swarm, ...info } });
  const outcomes = async (info: object) => Object.fromEntries((await checkDocker(describedMachine({ docker: answers(info) }), defaultSettings)).map(({ check, outcome }) => [check, outcome]));

  it('is content with a manager', async () => {
    expect(await outcomes({})).toMatchObject({ docker: 'ok', swarm: 'ok' });
  });

  it('is content with a worker', async () => {
    expect(await outcomes({ Swarm: { ...swarm, ControlAvailable: false } })).toMatchObject({ docker: 'ok', swarm: 'ok' });
  });

  it.each([
    ['no Swarm', { LocalNodeState: 'inactive' }, 'docker swarm init'],
    ['a locked Swarm', { LocalNodeState: 'locked' }, 'docker swarm unlock'],
  ])('says what to do with %s', async (_, different, remedy) => {
    const findings = await checkDocker(describedMachine({ docker: answers({ Swarm: { ...swarm, ...different } }) }), defaultSettings);
    expect(about(findings, 'swarm')).toMatchObject({ outcome: 'fail', remedy: expect.stringContaining(remedy) });
  });

  it('says how to start a Docker that does not answer, and does not ask for it where a file is the source', async () => {
    expect((await checkDocker(describedMachine({}), defaultSettings))[0]).toMatchObject({ outcome: 'fail', remedy: expect.stringContaining('systemctl start docker') });
    const source = { ...defaultSettings, source: { kind: 'file', path: '/etc/mesh.yaml' } as const };
    expect((await checkDocker(describedMachine({ files: { '/etc/mesh.yaml': '' } }), source))[0]?.outcome).toBe('ok');
    expect((await checkDocker(describedMachine({}), source))[0]?.outcome).toBe('fail');
  });
});

describe('the doctor on the relay', () => {
  const authority = new Authority();
  const member = { nodeId: 'n2', name: 'h2', role: 'worker', address: '192.168.56.12', managers: [{ nodeId: 'n1', host: '192.168.56.11' }, { nodeId: 'n3', host: '192.168.56.13' }], dockerRoot: '/d' } as const;
  const folder = '/d/swarm/certificates';
  const machineWith = ({ certificate, key }: { certificate: string; key: string }) =>
    describedMachine({ files: { [`${folder}/swarm-node.crt`]: certificate, [`${folder}/swarm-node.key`]: key, [`${folder}/swarm-root-ca.crt`]: authority.certificate } });
  const certificateOf = (nodeId: string, role = 'swarm-worker', days = 60) => authority.issue({ CN: nodeId, OU: role, O: 'c1' }, { notAfter: new Date(Date.now() + days * 86_400_000) });

  it('says until when the certificate is good', async () => {
    expect((await checkCertificates(machineWith(certificateOf('n2')), member, defaultSettings))[0]).toMatchObject({ outcome: 'ok', finding: expect.stringMatching(/a worker's, valid until \d{4}-\d\d-\d\d$/) });
  });

  it.each([
    ['expired', certificateOf('n2', 'swarm-worker', -0.5), 'fail', 'has expired'],
    ['not renewed in time', certificateOf('n2', 'swarm-worker', 1), 'warn', 'expires on'],
    ['another node’s', certificateOf('n9'), 'fail', 'is of node n9'],
    ['no node’s', authority, 'fail', 'expected its OU'],
    ['encrypted, as an autolocked manager’s is', { certificate: certificateOf('n2').certificate, key: '-----BEGIN ENCRYPTED PRIVATE KEY-----\n' }, 'fail', 'relayCertificate'],
  ] as const)('finds a certificate that is %s', async (_, signed, outcome, words) => {
    expect((await checkCertificates(machineWith(signed), member, defaultSettings))[0]).toMatchObject({ outcome, finding: expect.stringContaining(words) });
  });

  it('finds files that are not there, as in a container without the mount', async () => {
    expect((await checkCertificates(describedMachine({}), member, defaultSettings))[0]).toMatchObject({ outcome: 'fail', remedy: expect.stringContaining('mount') });
  });

  it('finds a worker that reaches no manager, and is content with one', async () => {
    const outcomes = async (listening: string[], different = {}) => (await checkRelay(describedMachine({ listening }), { ...member, ...different }, defaultSettings)).map(({ outcome }) => outcome);
    expect(await outcomes(['192.168.56.11:4798'])).toEqual(['ok', 'warn']);
    expect(await outcomes([])).toEqual(['warn', 'warn', 'fail']);
    expect(await outcomes([], { role: 'manager' })).toEqual(['warn', 'warn']);
    expect(await outcomes([], { managers: [] })).toEqual(['fail']);
  });
});

describe('the doctor on the network', () => {
  const header = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n';
  const route = (device: string, destination: string, mask: string) => `${device}\t${destination}\t00000000\t0001\t0\t0\t0\t${mask}\t0\t0\t0\n`;
  const byDefault = header + route('eth0', '00000000', '00000000');

  it('reads the kernel’s routes', () => {
    expect(parseRoutes(header + route('eth0', '0038A8C0', '00FFFFFF'))).toEqual([
      { device: 'eth0', destination: { address: 0xc0a83800, first: 0xc0a83800, last: 0xc0a838ff, prefixLength: 24 } },
    ]);
    expect(parseRoutes(byDefault)[0]?.destination).toMatchObject({ first: 0, last: 0xffffffff, prefixLength: 0 });
  });

  it('finds a route or a Docker network that the gateway subnet would cut off', async () => {
    const check = async (routes: string, docker = {}) => about(await checkGatewaySubnet(describedMachine({ files: { '/proc/net/route': routes }, docker }), defaultSettings), 'gateway subnet');
    expect(await check(byDefault)).toMatchObject({ outcome: 'ok' });
    expect(await check(byDefault + route('tun0', '00001EAC', '0000FFFF'))).toMatchObject({ outcome: 'fail', finding: expect.stringContaining('172.30.0.0/16, which is routed to tun0') });
    expect(await check(byDefault + route('mesh_gwbridge', '00001EAC', '00FFFFFF'))).toMatchObject({ outcome: 'ok' });
    const docker = { '/networks': [{ Name: 'app_default', IPAM: { Config: [{ Subnet: '172.30.0.0/16' }] } }, { Name: 'host', IPAM: { Config: null } }] };
    expect(await check(byDefault, docker)).toMatchObject({ outcome: 'fail', finding: expect.stringContaining('app_default'), remedy: expect.stringContaining('--gateway-subnet') });
  });

  it('warns of a small MTU and of a taken VXLAN port', async () => {
    const files = (mtu: string) => ({ '/proc/net/route': byDefault, '/sys/class/net/eth0/mtu': mtu });
    expect((await checkMtu(describedMachine({ files: files('1400\n') })))[0]?.outcome).toBe('warn');
    expect((await checkMtu(describedMachine({ files: files('1500\n') })))[0]?.outcome).toBe('ok');
    expect((await checkVxlanPort(describedMachine({ udpError: 'EADDRINUSE' }), defaultSettings))[0]?.outcome).toBe('warn');
  });
});

describe('the doctor on the firewall', () => {
  const check = async (...rules: string[]) => {
    const save = `*filter\n:FORWARD DROP [0:0]\n${rules.map((rule) => `-A FORWARD ${rule}\n`).join('')}COMMIT\n`;
    return checkForwardOrder(describedMachine({ commands: { 'iptables-save -t filter': save } }), defaultSettings);
  };

  it('is content with DOCKER-USER first, ours second, in both of dockerd’s layouts', async () => {
    expect((await check('-j DOCKER-USER', '-j MESH-INGRESS', '-j DOCKER-INGRESS')).map(({ outcome }) => outcome)).toEqual(['ok']);
    expect((await check('-j DOCKER-USER', '-j MESH-INGRESS', '-j DOCKER-FORWARD')).map(({ outcome }) => outcome)).toEqual(['ok']);
  });

  it('sees that dockerd put itself first, and that a rule before ours shuts the ports', async () => {
    expect((await check('-j DOCKER-USER', '-j DOCKER-INGRESS', '-j MESH-INGRESS'))[0]?.outcome).toBe('warn');
    expect((await check('-j DROP', '-j DOCKER-USER')).map(({ outcome }) => outcome)).toEqual(['ok', 'warn']);
  });
});

describe('the doctor on the controller', () => {
  it('finds one that hangs', async () => {
    const claim = { pid: 7, startTime: '1', networkNamespace: 'net:[1]' };
    const hanging = { runningController: () => Promise.resolve(claim), ask: () => Promise.reject(new Error('timeout')) };
    expect((await checkController(hanging, '/run/x.sock'))[0]).toMatchObject({ outcome: 'warn', finding: expect.stringContaining('pid 7') });
    expect((await checkController({ ...hanging, runningController: () => Promise.resolve(null) }, '/run/x.sock'))[0]?.outcome).toBe('ok');
  });
});

describe('the doctor’s words', () => {
  it('put each remedy below its finding, good modules on one line, and the verdict last', () => {
    const text = renderFindings(
      [{ title: 'Kernel', findings: [
        { check: 'module a', outcome: 'ok', finding: 'loaded' },
        { check: 'module b', outcome: 'ok', finding: 'loaded' },
        { check: 'module c', outcome: 'fail', finding: 'missing', remedy: 'Build it.' },
      ] }],
      keptOutput(),
    );
    expect(text).toBe(`Kernel
  ok    modules a, b: loaded
  FAIL  module c: missing
        → Build it.

The mesh can't work on this node yet: 2 ok, 0 to look at, 1 failed.
`);
  });
});
