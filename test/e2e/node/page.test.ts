import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { silentLogger } from '../../../src/log.js';
import type { TraceAnswer } from '../../../src/page/wire.js';
import { readPageFiles } from '../../../src/server/page-files.js';
import { startPageServer, type PageServer } from '../../../src/server/page-server.js';
import { syntheticEvents, syntheticMesh, type MeshSize } from '../../support/synthetic-mesh.js';
import { openPage, startBrowser, type WatchedPage } from '../support/browser.js';
import { eventually, lab, shell } from '../support/lab.js';
import { load, type Load } from '../support/load.js';
import { nodeAddress, removeMesh, served, startMesh } from '../support/mesh.js';
import { dotsFly, focused, ground, outlineOfFocused, sideways, work, type Work } from '../support/probes.js';
import { createService, removeServices, servicesWithin, updateService } from '../support/swarm.js';

const built = new URL('../../../dist/src/page/', import.meta.url);
let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
}, 300_000);

afterAll(() => browser.close());

describe('the page of a real node', () => {
  let url = '';
  let watched: WatchedPage;

  const task = (name: string) => watched.page.locator(`.box-task[aria-label^="Task ${name},"]`);
  const port = (id: string) => watched.page.locator(`.box-port[data-id="port:${id}"]`);

  beforeAll(async () => {
    await createService('web', ['--publish', '8080:80', '--env', 'GRACE_MS=20000', '--stop-grace-period', '60s'], 3);
    await startMesh('h1', '--ui', '127.0.0.1:8090');
    await served({ 'tcp/8080': 3 });
    url = (await lab(['forward', 'h1', '8090'])).trim();
    watched = await openPage(browser, url);
  }, servicesWithin);

  afterAll(async () => {
    await removeServices('web');
    await removeMesh();
  }, 180_000);

  it('shows the three replicas of a service, where they are and that all is well', async () => {
    await port('tcp/8080').waitFor();
    for (const name of ['web.1', 'web.2', 'web.3']) {
      await task(name).waitFor();
      expect(await task(name).getAttribute('aria-label')).toMatch(/serving, weight 1/);
    }
    expect(await watched.page.locator('#health').getAttribute('data-level')).toBe('healthy');
    expect(await watched.page.locator('#node').textContent()).toBe('h1');
    expect(await watched.page.locator('#panel .reason').allTextContents()).toEqual(expect.arrayContaining(['Started', 'PageServed', 'Programmed']));
  }, 120_000);

  it('shows the rate of a load as it flows, and that it is over', async () => {
    const rate = async (): Promise<number> => Number(/([\d.]+)\/s/.exec((await port('tcp/8080').textContent()) ?? '')?.[1]);
    expect(await rate()).toBe(0);
    const running: Load = await load('page', { urls: [`http://${nodeAddress}:8080`], parallel: 4, pause: 50, streams: 3 });
    try {
      await eventually(async () => {
        expect(await rate()).toBeGreaterThan(2);
        expect(await watched.page.locator('.link[data-flow="yes"]').count()).toBeGreaterThanOrEqual(4);
      });
      // Dots fly: the canvas over the picture is not empty.
      await eventually(async () => {
        expect(await watched.page.evaluate<boolean>(dotsFly)).toBe(true);
      });
    } finally {
      await running.finish();
    }
    await eventually(async () => { expect(await rate()).toBe(0); }, 90_000);
  }, 240_000);

  it('shows the way of a packet when a port is clicked, and the commands that show it by hand', async () => {
    await port('tcp/8080').click();
    const trace = watched.page.locator('#panel .trace');
    await trace.locator('.verdict').waitFor();
    expect(await trace.locator('.verdict').textContent()).toBe('tcp/8080 leads to 3 of 3 tasks, and back');
    expect(await trace.locator('.hop-step').allTextContents()).toEqual(expect.arrayContaining(['nat PREROUTING', 'ipvs', 'reply']));
    expect(await trace.locator('.command').allTextContents()).toEqual(expect.arrayContaining([expect.stringMatching(/^ip netns exec mesh_sbox ipvsadm -Ln/)]));
    await watched.page.keyboard.press('Escape');
  }, 120_000);

  it('is used without a mouse: Tab, arrow keys, Enter and Escape lead to a task’s history and back', async () => {
    const { page } = watched;
    await page.locator('#theme').focus();
    await page.keyboard.press('Tab');
    const where = () => page.evaluate<string>(focused);
    while (!/^(?:clients|port:)/.test(await where())) await page.keyboard.press('Tab');
    await page.keyboard.press('Home');
    expect(await where()).toBe('clients');
    for (let layer = 0; layer < 3; layer += 1) await page.keyboard.press('ArrowRight');
    while (!(await where()).startsWith('task:')) await page.keyboard.press('ArrowDown');
    const chosen = await where();
    expect(await page.evaluate<string>(outlineOfFocused)).toBe('solid');
    await page.keyboard.press('Enter');
    await page.locator('#panel h3', { hasText: 'History' }).waitFor();
    expect(await page.locator('#panel-title').textContent()).toMatch(/^web\.[123]$/);
    await page.keyboard.press('Escape');
    expect(await where()).toBe(chosen);
  }, 120_000);

  it('shows a task that drains, and that it went', async () => {
    const running = await load('drain', { urls: [`http://${nodeAddress}:8080`], parallel: 1, pause: 200, streams: 6 });
    try {
      await updateService('web', '--replicas', '2');
      await watched.page.locator('.box-task[data-state="draining"]').click();
      await watched.page.locator('#panel .reason', { hasText: 'DrainBegan' }).waitFor();
      await watched.page.keyboard.press('Escape');
      await watched.page.locator('.box-task[data-state="gone"]').waitFor({ timeout: 120_000 });
      await eventually(async () => { expect(await watched.page.locator('.box-task').count()).toBe(2); });
    } finally {
      await running.finish();
    }
  }, 300_000);

  it('says that the controller is gone, keeps the picture, and goes on by itself when it is back', async () => {
    expect(watched.complaints).toEqual([]);
    await lab(['mesh', 'h1', 'stop']);
    await watched.page.locator('#lost').waitFor();
    expect(await watched.page.locator('#lost-text').textContent()).toMatch(/does not answer/);
    expect(await watched.page.locator('.box-task').count()).toBe(2);
    await startMesh('h1', '--ui', '127.0.0.1:8090');
    await watched.page.locator('#lost').waitFor({ state: 'hidden', timeout: 60_000 });
    // The browser itself complains of each attempt that fails.
    watched.complaints.splice(0);
  }, 180_000);

  it('answers nobody but this node', async () => {
    const listening = await shell('h1', "ss -Hltn 'sport = :8090' | awk '{print $4}'");
    expect(listening.trim()).toBe('127.0.0.1:8090');
    const status = await shell('h1', 'curl -s -o /dev/null -w "%{http_code}" -H "Host: rebind.example" http://127.0.0.1:8090/api/mesh');
    expect(status).toBe('403');
  }, 60_000);

  it('has nothing to complain of, and asks nobody else', () => {
    expect(watched.complaints).toEqual([]);
    expect([...watched.origins]).toEqual([new URL(url).origin]);
  });
});

describe('the page of any mesh', () => {
  const servers: PageServer[] = [];
  afterAll(() => Promise.all(servers.map((server) => server.close())));

  /** The very server, with a mesh of any size behind it. */
  async function serve(size: MeshSize): Promise<string> {
    const began = Date.now();
    const source = {
      // The counters move every two seconds, as the kernel's do.
      look: () => Promise.resolve(syntheticMesh(size, 2 * Math.floor((Date.now() - began) / 2_000), Date.now())),
      eventsAfter: (sequence: number) => syntheticEvents(began).filter((event) => event.sequence > sequence),
      trace: () => Promise.reject<TraceAnswer>(new Error('there is no kernel behind this mesh')),
    };
    const server = await startPageServer({ address: '127.0.0.1', port: 0 }, source, await readPageFiles(built), silentLogger);
    servers.push(server);
    return `http://127.0.0.1:${server.port}/`;
  }

  it.each<[string, MeshSize]>([
    ['50 nodes with 500 tasks', { nodes: 50, services: 40, tasks: 500, rate: 400, trouble: true }],
    ['50 nodes with 500 tasks each', { nodes: 50, services: 50, tasks: 25_000, rate: 4_000, trouble: true }],
  ])('stays small and quick with %s under load', async (name, size) => {
    const { page, complaints } = await openPage(browser, await serve(size));
    await page.locator('.box-strip').first().waitFor();
    const { elements, framesPerSecond, longTasks } = await page.evaluate<Work>(work);
    process.stdout.write(`${name}: ${elements} elements, ${framesPerSecond} frames per second, tasks of more than 50 ms in 8 s: ${longTasks.join(', ') || 'none'}\n`);
    expect(elements).toBeLessThan(2_500);

    await page.keyboard.press('/');
    await page.keyboard.type('draining');
    await eventually(async () => { expect(await page.locator('#found').textContent()).toMatch(/^\d+ of \d+ tasks$/); });
    expect(complaints).toEqual([]);
    await page.context().close();
  }, 120_000);

  it('is dark where the system is, and as its owner wants, also next time', async () => {
    const url = await serve({ nodes: 3, services: 2, tasks: 6 });
    const { page } = await openPage(browser, url, { colorScheme: 'dark' });
    const colour = () => page.evaluate<string>(ground);
    const dark = await colour();
    await page.locator('#theme').click();
    expect(await page.locator('#theme').getAttribute('aria-label')).toBe('Colours: light');
    expect(await colour()).not.toBe(dark);
    await page.reload();
    await page.locator('.box-clients').waitFor();
    expect(await colour()).not.toBe(dark);
    await page.locator('#theme').click();
    expect(await colour()).toBe(dark);
    await page.context().close();
  }, 60_000);

  it.each([320, 420, 900, 1280])('needs no sideways scrolling %i wide', async (width) => {
    const { page } = await openPage(browser, await serve({ nodes: 3, services: 3, tasks: 9, rate: 20, trouble: true }), { viewport: { width, height: 800 } });
    expect(await page.evaluate(sideways)).toEqual({ page: 0, picture: 0 });
    await page.context().close();
  }, 60_000);

  it('stands still for those who want no motion', async () => {
    const { page } = await openPage(browser, await serve({ nodes: 3, services: 2, tasks: 6, rate: 200 }), { reducedMotion: 'reduce' });
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(await page.evaluate<boolean>(dotsFly)).toBe(false);
    await page.context().close();
  }, 60_000);

  it('teaches somebody who has published nothing yet', async () => {
    const { page } = await openPage(browser, await serve({ nodes: 1, services: 0, tasks: 0 }));
    expect(await page.locator('#empty').textContent()).toMatch(/docker service create .*--publish/);
    await page.context().close();
  }, 60_000);
});
