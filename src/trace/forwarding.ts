/** Settings without which a packet goes nowhere. Told only where they are wrong. */
import { hopPlaceOf } from './hook.js';
import type { Observation, SeenPlace } from './observation.js';
import { byController } from './repair.js';
import type { Way } from './way.js';
import { command } from './words.js';

export function passForwarding(way: Way, seen: Observation, place: SeenPlace): boolean {
  return passSetting(way, seen, place, ['net/ipv4/ip_forward'], `${place.place === 'host' ? 'this node' : place.name} does not forward packets`);
}

/** One of the paths (under /proc/sys) must be 1. The last is the one that we would set. */
export function passSetting(way: Way, seen: Observation, place: SeenPlace, paths: readonly [string, ...string[]], why: string): boolean {
  const { sysctls } = place.network;
  if (paths.some((path) => sysctls[path] === '1')) return true;
  const path = paths.at(-1) ?? paths[0];
  way.end(
    { place: hopPlaceOf(place), name: place.name, step: 'forwarding', what: `${path} is ${sysctls[path] ?? 'not there'}`, commands: [command(place, 'sysctl', path)] },
    { why, remedy: byController(seen) },
  );
  return false;
}
