/**
 * The floor: what a node's kernel holds of a mesh, given to it by its own tools, in namespaces where nothing is yet:
 * `ipset restore` where there are sets, `iptables-restore` for each place, `ipvsadm -R`. Nothing looks, compares, or checks.
 */
import { shell } from '../e2e/support/lab.js';

export interface Floor {
  readonly seconds: number;
  readonly cpu: number;
}

/** A place's name, and the words that enter its network namespace. */
const places = { host: '', sandbox: 'ip netns exec mesh_sbox', fabric: 'ip netns exec mesh_fabric' } as const;
const folder = '/tmp/floor';

/** Writes down what the mesh of the node consists of; `restoreFloor` reads it. Gives the number of rules and real servers. */
export async function saveFloor(node: string): Promise<{ readonly rules: number; readonly realServers: number }> {
  const save = Object.entries(places).map(
    ([name, enter]) => `${enter} iptables-save >${folder}/${name}.rules; if command -v ipset >/dev/null; then ${enter} ipset save >${folder}/${name}.sets; else : >${folder}/${name}.sets; fi`,
  );
  const output = await shell(node, `mkdir -p ${folder}; ${save.join('; ')}; ${places.sandbox} ipvsadm -Sn >${folder}/ipvs; cat ${folder}/*.rules | grep -c ^-A; grep -c ^-a ${folder}/ipvs || true`);
  const [rules = Number.NaN, realServers = Number.NaN] = output.trim().split('\n').map(Number);
  return { rules, realServers };
}

/** `lo` is up: without a table of local addresses IPVS takes no address for a unicast one (ip_vs_add_dest()). */
export async function restoreFloor(node: string): Promise<Floor> {
  const names = Object.keys(places);
  const namespaces = names.map((name) => `ip netns add floor-${name}; ip -n floor-${name} link set lo up`).join('; ');
  const each = names.map((name) => `[ ! -s ${folder}/${name}.sets ] || nsenter --net=/run/netns/floor-${name} ipset restore <${folder}/${name}.sets; nsenter --net=/run/netns/floor-${name} iptables-restore <${folder}/${name}.rules`);
  const timed = `time { ${each.join('; ')}; nsenter --net=/run/netns/floor-sandbox ipvsadm -R <${folder}/ipvs; }`;
  const gone = names.map((name) => `ip netns del floor-${name}`).join('; ');
  const output = await shell(node, `${namespaces}; trap '${gone}' EXIT; TIMEFORMAT='%3R %3U %3S'; { ${timed}; } 2>&1`);
  const [seconds = Number.NaN, user = Number.NaN, system = Number.NaN] = output.trim().split('\n').at(-1)?.split(' ').map(Number) ?? [];
  return { seconds, cpu: user + system };
}
