/** A cluster for the file source, of any size. Pure. */
import { chunks } from './crowd.js';

export interface ClusterSize {
  readonly ports: number;
  readonly nodes: number;
}

export const endpointsOfAService = 5;
const firstPort = 10_000;
/** A service publishes so many, and the one whose endpoint changes as many in every size. */
const portsOfTheChanging = 10;
const portsOfTheOthers = 111;

/** Addresses on the lab's underlay that nobody has; the node's own is given. */
const addressOfNode = (index: number): string => `192.168.56.${100 + index}`;

/**
 * Every endpoint is on another node than this one: a network namespace for each of hundreds of tasks is nothing that the
 * kernel's tools would make, and they are what it is compared with. `weight`: of one endpoint of the first service.
 */
export function clusterFile(self: { readonly name: string; readonly address: string }, { ports, nodes }: ClusterSize, weight: number): string {
  const numbers = Array.from({ length: ports }, (_, index) => firstPort + index);
  const services = [numbers.slice(0, portsOfTheChanging), ...chunks(numbers.slice(portsOfTheChanging), portsOfTheOthers)].filter(({ length }) => length > 0);
  const others = Array.from({ length: nodes - 1 }, (_, index) => ({ name: `n${index + 2}`, address: addressOfNode(index + 1) }));
  return [
    'nodes:',
    ...[self, ...others].map(({ name, address }) => `  ${name}: ${address}`),
    services.length === 0 ? 'services: {}' : 'services:',
    ...services.flatMap((own, service) => [
      `  s${service + 1}:`,
      `    publish: ${range(own)}:${range(own)}`,
      '    endpoints:',
      ...Array.from({ length: endpointsOfAService }, (_, index) => {
        const number = service * endpointsOfAService + index;
        const node = others[number % others.length]?.name ?? self.name;
        return `      - { node: ${node}, address: 10.${9 + Math.floor(number / 60_000)}.${Math.floor(number / 250) % 250}.${(number % 250) + 1}, namespace: e${number + 1}, weight: ${number === 0 ? weight : 1} }`;
      }),
    ]),
    '',
  ].join('\n');
}

function range(numbers: readonly number[]): string {
  return numbers.length === 1 ? String(numbers[0]) : `${numbers[0]}-${numbers.at(-1)}`;
}
