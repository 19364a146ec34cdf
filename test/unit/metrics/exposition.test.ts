import { describe, expect, it } from '@jest/globals';
import { catalogue, metricNames } from '../../../src/metrics/catalogue.js';
import { exposition } from '../../../src/metrics/collect.js';
import { Exposition } from '../../../src/metrics/exposition.js';
import { Histogram } from '../../../src/metrics/histogram.js';
import { metricsFacts, processFacts } from './facts.js';
import { parseExposition } from './strict-parser.js';

const scrape = async (different: Parameters<typeof metricsFacts>[0] = {}) => parseExposition(await exposition(metricsFacts(different), processFacts));
const valueOf = (families: Awaited<ReturnType<typeof scrape>>, name: string, series: string) => families.get(name)?.samples.get(series);

describe('a scrape', () => {
  it('has every metric of the catalogue, and is of the format that Prometheus reads', async () => {
    expect([...(await scrape()).keys()]).toEqual(metricNames);
  });

  it('names the labels that the catalogue says, and no others', async () => {
    for (const [name, { samples }] of await scrape()) {
      const expected: readonly string[] = catalogue[name as keyof typeof catalogue].labels;
      for (const series of samples.keys()) {
        const labels = [...series.matchAll(/[{,]([a-z_]+)="/g)].map(([, label]) => label).filter((label) => label !== 'le');
        expect({ name, labels }).toEqual({ name, labels: expected });
      }
    }
  });

  it('tells connections, bytes and weight of each real server by the names that people know', async () => {
    const labels = 'protocol="tcp",port="8080",service="web",task="web.1",node="node1",real_server="10.0.0.5:80"';
    const families = await scrape();
    expect(valueOf(families, 'routemesh_real_server_connections_total', `routemesh_real_server_connections_total{${labels}}`)).toBe(7);
    expect(valueOf(families, 'routemesh_real_server_bytes_total', `routemesh_real_server_bytes_total{${labels},direction="out"}`)).toBe(63_000);
    expect(valueOf(families, 'routemesh_real_server_active_connections', `routemesh_real_server_active_connections{${labels}}`)).toBe(3);
    expect([...(families.get('routemesh_real_server_weight')?.samples.values() ?? [])]).toEqual([1, 0]);
  });

  it('keeps every digit of the kernel’s 64-bit counters', async () => {
    expect(await exposition(metricsFacts(), processFacts)).toContain('\nroutemesh_port_connections_total{protocol="tcp",port="8080",service="web"} 12345678901234567\n');
  });

  it('has nothing left of a real server that is gone, so that series don’t pile up', async () => {
    const facts = metricsFacts();
    const without = await scrape({ ports: facts.ports.map((port) => ({ ...port, backends: port.backends.slice(0, 1) })) });
    expect([...without.values()].flatMap(({ samples }) => [...samples.keys()]).filter((series) => series.includes('10.0.0.6'))).toEqual([]);
  });

  it('tells a port that nobody answers, and only what is known while there is no sandbox', async () => {
    const facts = metricsFacts();
    const families = await scrape({ ports: facts.ports.map((port) => ({ ...port, backends: [] })), statistics: { ports: new Map(), realServers: new Map() } });
    expect(valueOf(families, 'routemesh_port_real_servers', 'routemesh_port_real_servers{protocol="tcp",port="8080",service="web"}')).toBe(0);
    expect(families.has('routemesh_port_connections_total')).toBe(false);
  });

  it('has every reason of a condition, also at 0: an alert needs a series to look at', async () => {
    const families = await scrape();
    expect(valueOf(families, 'routemesh_conditions', 'routemesh_conditions{reason="PortConflict"}')).toBe(1);
    expect(valueOf(families, 'routemesh_conditions', 'routemesh_conditions{reason="CutOff"}')).toBe(0);
  });

  it('measures a change from the cluster’s time on', async () => {
    expect(valueOf(await scrape(), 'routemesh_convergence_seconds', 'routemesh_convergence_seconds_sum')).toBe(0.1);
  });

  it('is still one that Prometheus takes when two nodes have one name', async () => {
    const { peers } = metricsFacts();
    await expect(scrape({ peers: [...peers, ...peers] })).resolves.toBeDefined();
  });
});

describe('a stranger’s words in a label', () => {
  it('can’t forge a line', async () => {
    const { ports } = metricsFacts();
    const [name] = ['evil"} 1\nrouted_total{x="\\'];
    const families = await scrape({ ports: ports.map((port) => ({ ...port, serviceName: name ?? '' })) });
    expect([...families.keys()]).toEqual(metricNames);
    expect([...(families.get('routemesh_port_real_servers')?.samples.keys() ?? [])]).toEqual(['routemesh_port_real_servers{protocol="tcp",port="8080",service="evil\\"} 1\\nrouted_total{x=\\"\\\\"}']);
  });
});

describe('a histogram', () => {
  it('counts each observation in its bucket and all above, as quantiles need it', () => {
    const histogram = new Histogram([0.1, 1]);
    for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe(value);
    const to = new Exposition();
    to.addHistogram('routemesh_convergence_seconds', {}, histogram);
    expect([...(parseExposition(to.text()).get('routemesh_convergence_seconds')?.samples ?? [])]).toEqual([
      ['routemesh_convergence_seconds_bucket{le="0.1"}', 2],
      ['routemesh_convergence_seconds_bucket{le="1"}', 3],
      ['routemesh_convergence_seconds_bucket{le="+Inf"}', 4],
      ['routemesh_convergence_seconds_sum', 7.65],
      ['routemesh_convergence_seconds_count', 4],
    ]);
  });
});
