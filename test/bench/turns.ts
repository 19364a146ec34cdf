/** dockerd's turn, then ours, then dockerd's again: what drifts in the machine meets both. */

export interface Sides<Sample> {
  readonly routemesh: readonly Sample[];
  readonly dockerd: readonly Sample[];
}

export async function alternate<Sample>(rounds: number, measure: (side: keyof Sides<Sample>, round: number) => Promise<Sample>): Promise<Sides<Sample>> {
  const routemesh: Sample[] = [];
  const dockerd: Sample[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    dockerd.push(await measure('dockerd', round));
    routemesh.push(await measure('routemesh', round));
  }
  return { routemesh, dockerd };
}
