/** What the panel shows of each kind of thing. */
import { button, element, setText } from './element.js';
import { EventList } from './event-list.js';
import { Facts } from './facts.js';
import { stateWords } from './filter.js';
import { bytesPerSecond, count, perSecond, short } from './format.js';
import { shownRate, totals } from './model.js';
import { nodeWord } from './boxes.js';
import type { PanelContent, PanelFacts } from './panel.js';
import { best, sceneOf } from './scene.js';
import { Sparkline } from './sparkline.js';
import { TraceView } from './trace-view.js';
import type { Figures, MeshNode, MeshServer } from './wire.js';

export function eventsPanel(): PanelContent {
  const list = new EventList('Nothing has happened since this controller started.');
  return { element: list.element, title: () => 'Events', update: ({ events }) => { list.show(events); } };
}

/** Why it is not healthy, or not wholly. */
export function healthPanel(): PanelContent {
  const headline = element('p', { class: 'lead' });
  const list = element('ol', { class: 'events' });
  let shown = '';
  return {
    element: element('div', {}, headline, list),
    title: () => 'Health',
    update: ({ snapshot: { health, troubles, repairs } }) => {
      setText(headline, `${health.headline}. ${repairs === 0 ? 'Nobody else has changed what is ours.' : `${count(repairs, 'object')} that others changed ${repairs === 1 ? 'was' : 'were'} put right.`}`);
      const key = JSON.stringify(troubles);
      if (key === shown) return;
      shown = key;
      list.replaceChildren(
        ...troubles.map(({ reason, object, message, serious }) =>
          element('li', { class: 'event', 'data-type': serious ? 'Serious' : 'Warning' }, element('div', { class: 'event-head' }, element('span', { class: 'reason' }, reason)), element('div', { class: 'event-object' }, object), element('p', { class: 'event-message' }, message)),
        ),
      );
    },
  };
}

export function clientsPanel(): PanelContent {
  const [facts, spark] = [new Facts(), new Sparkline(320, 64)];
  return {
    element: element('div', {}, element('p', { class: 'lead' }, 'Everybody who connects to a published port of this node. What goes in by other nodes is scheduled there, and seen on their own pages.'), spark.element, facts.element),
    title: () => 'Clients',
    update: ({ snapshot, fresh, history }) => {
      spark.show(history('clients'));
      facts.show(trafficFacts(totals(snapshot), fresh.size > 0));
    },
  };
}

export function portPanel(id: string): PanelContent {
  const [facts, spark, trace] = [new Facts(), new Sparkline(320, 48), new TraceView(id)];
  return {
    element: element('div', {}, facts.element, spark.element, trace.element),
    title: ({ snapshot }) => {
      const port = snapshot.ports.find((one) => one.id === id);
      return port === undefined ? null : `${port.id} of ${port.service}`;
    },
    update: ({ snapshot, fresh, history }) => {
      const port = snapshot.ports.find((one) => one.id === id);
      if (port === undefined) return;
      spark.show(history(`port:${id}`));
      facts.show([
        ['Service', port.service],
        ['Scheduler', `${port.scheduler ?? 'none: IPVS has no virtual service'}${port.persistenceSeconds === null ? '' : `, a client stays for ${port.persistenceSeconds} s`}`],
        ['Real servers', serversWord(port.servers)],
        ...trafficFacts(port.figures, port.servers.some((server) => fresh.has(server.id))),
      ]);
    },
  };
}

export function taskPanel(taskId: string): PanelContent {
  const [facts, list] = [new Facts(), new EventList('No event tells of this task, its service or its node since the controller started.')];
  const serversOf = ({ snapshot }: PanelFacts) => snapshot.ports.flatMap((port) => port.servers.filter((server) => server.taskId === taskId).map((server) => ({ port, server })));
  return {
    element: element('div', {}, facts.element, element('h3', {}, 'History'), list.element),
    title: (all) => serversOf(all)[0]?.server.task ?? null,
    update: (all) => {
      const found = serversOf(all);
      const [first] = found;
      if (first === undefined) return;
      const node = all.snapshot.nodes.find(({ id }) => id === first.server.nodeId);
      facts.show([
        ['State', stateWords[best(found.map(({ server }) => server))]],
        ['Node', node === undefined ? first.server.nodeId : `${node.name}, ${nodeWord(node)}`],
        ['Id', first.server.taskId],
        ...found.flatMap(({ port, server }): [string, string][] => [
          [port.id, `${server.address}:${server.port}, weight ${server.weight}, ${server.figures.active} open, ${perSecond(shownRate(server.figures, all.fresh.has(server.id)))}, ${short(server.figures.connections)} so far`],
        ]),
      ]);
      const names = new Set([`task ${first.server.task}`, ...found.map(({ port }) => `service ${port.service}`), ...(node === undefined ? [] : [`node ${node.name}`])]);
      list.show(all.events.filter(({ object, message }) => names.has(`${object.kind} ${object.name}`) || message.includes(first.server.address)));
    },
  };
}

export function nodePanel(id: string, open: (id: string) => void): PanelContent {
  const [facts, tasks, list] = [new Facts(), element('div', { class: 'rows' }), new EventList('No event tells of this node since the controller started.')];
  let shown = '';
  const nodeIn = ({ snapshot }: PanelFacts): MeshNode | undefined => snapshot.nodes.find((node) => node.id === id);
  return {
    element: element('div', {}, facts.element, element('h3', {}, 'Tasks'), tasks, element('h3', {}, 'History'), list.element),
    title: (all) => {
      const node = nodeIn(all);
      return node === undefined ? null : `Node ${node.name}`;
    },
    update: (all) => {
      const node = nodeIn(all);
      if (node === undefined) return;
      const rows = sceneOf(all.snapshot).groups.find((group) => group.node.id === id)?.tasks ?? [];
      facts.show([
        ['Address', node.address],
        ['State', nodeWord(node)],
        ['Real servers', serversWord(rows.flatMap(({ servers }) => servers))],
      ]);
      list.show(all.events.filter(({ object, message }) => (object.kind === 'node' && object.name === node.name) || message.includes(node.address)));
      const key = rows.map(({ taskId, state }) => `${taskId} ${state}`).join();
      if (key === shown) return;
      shown = key;
      tasks.replaceChildren(...rows.slice(0, mostRows).map((row) => taskButton(row.name, row.address, row.state, () => { open(row.id); })), ...(rows.length > mostRows ? [element('p', { class: 'muted' }, `and ${rows.length - mostRows} more: find them with the filter`)] : []));
    },
  };
}

/** A node of five hundred tasks is told by its first; the filter finds the others. */
const mostRows = 100;

function taskButton(name: string, address: string, state: MeshServer['state'], onClick: () => void): HTMLButtonElement {
  return button({ class: 'row', 'data-state': state }, onClick, element('span', { class: 'dot' }), element('span', { class: 'name' }, name), element('span', { class: 'muted mono' }, address), element('span', { class: 'cell' }, stateWords[state]));
}

export function otherNodesPanel(open: (id: string) => void): PanelContent {
  const list = element('div', { class: 'rows' });
  let shown = '';
  return {
    element: element('div', {}, element('p', { class: 'lead' }, 'Each of them accepts every published port, too, and has its own sandbox.'), list),
    title: () => 'Other nodes',
    update: ({ snapshot: { nodes } }) => {
      const others = nodes.filter(({ state }) => state !== 'here');
      const key = others.map((node) => `${node.id} ${nodeWord(node)}`).join();
      if (key === shown) return;
      shown = key;
      list.replaceChildren(
        ...others.map((node) =>
          button({ class: 'row', 'data-state': node.state }, () => { open(`entry:${node.id}`); }, element('span', { class: 'dot' }), element('span', { class: 'name' }, node.name), element('span', { class: 'muted mono' }, node.address), element('span', { class: 'cell' }, nodeWord(node))),
        ),
      );
    },
  };
}

function trafficFacts(figures: Figures, isBusy: boolean): [string, string][] {
  return [
    ['New', `${perSecond(shownRate(figures, isBusy))}, ${short(figures.connections)} so far`],
    ['Open', `${figures.active} active, ${figures.inactive} closing`],
    ['Bytes', `${bytesPerSecond(figures.incomingBytesPerSecond)} in, ${bytesPerSecond(figures.outgoingBytesPerSecond)} out`],
  ];
}

function serversWord(servers: readonly MeshServer[]): string {
  const counts = (Object.keys(stateWords) as MeshServer['state'][]).flatMap((state) => {
    const number = servers.filter((server) => server.state === state).length;
    return number === 0 ? [] : [`${number} ${stateWords[state]}`];
  });
  return counts.length === 0 ? 'none' : counts.join(', ');
}
