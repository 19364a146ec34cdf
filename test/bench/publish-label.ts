/** `routemesh.publish`, as short as it can be said: a label has room for some 300 ports one by one. Pure. */

export interface PortMapping {
  readonly published: number;
  readonly target: number;
  readonly protocol?: 'tcp' | 'udp';
}

/** Ports that follow each other, with targets that do, become a range: `10000-10499:10000-10499/tcp`. */
export function publishLabel(ports: readonly PortMapping[]): string {
  const runs: { readonly first: PortMapping; length: number }[] = [];
  for (const port of ports) {
    const last = runs.at(-1);
    if (last !== undefined && follows(last.first, last.length, port)) last.length += 1;
    else runs.push({ first: port, length: 1 });
  }
  return runs.map(({ first: { published, target, protocol = 'tcp' }, length }) => `${range(published, length)}:${range(target, length)}/${protocol}`).join(',');
}

function follows(first: PortMapping, length: number, { published, target, protocol = 'tcp' }: PortMapping): boolean {
  return published === first.published + length && target === first.target + length && protocol === (first.protocol ?? 'tcp');
}

function range(first: number, length: number): string {
  return length === 1 ? String(first) : `${first}-${first + length - 1}`;
}
