/** The way of a packet for a port through this node, as `routemesh trace` finds it. */
import { button, element } from './element.js';
import { count } from './format.js';
import type { TraceAnswer, TraceBranch, TraceHop, TraceRule } from './wire.js';

/** While another trace is under way. */
const retryMilliseconds = 1_000;
const mostTries = 20;

export class TraceView {
  private readonly result = element('div', { class: 'trace', 'aria-live': 'polite' });
  private readonly again: HTMLButtonElement;
  readonly element: HTMLElement;

  /** `port`: `tcp/8080`. */
  constructor(private readonly port: string) {
    this.again = button({ class: 'quiet' }, () => { void this.ask(); }, 'Trace again');
    this.element = element('section', {}, element('div', { class: 'section-head' }, element('h3', {}, 'The way of a packet'), this.again), this.result);
    void this.ask();
  }

  private async ask(): Promise<void> {
    this.again.disabled = true;
    this.result.setAttribute('aria-busy', 'true');
    if (this.result.childElementCount === 0) this.result.replaceChildren(element('p', { class: 'muted' }, 'Reading rules, routes and IPVS of this node …'));
    try {
      this.result.replaceChildren(...traceElements(await askTrace(this.port)));
    } catch (error) {
      this.result.replaceChildren(element('p', { class: 'verdict', 'data-outcome': 'ends' }, `No trace: ${error instanceof Error ? error.message : String(error)}`));
    }
    this.result.removeAttribute('aria-busy');
    this.again.disabled = false;
  }
}

async function askTrace(port: string): Promise<TraceAnswer> {
  const [protocol = '', number = ''] = port.split('/');
  for (let tries = 0; ; tries += 1) {
    const answer = await fetch(`/api/trace?port=${encodeURIComponent(`${number}/${protocol}`)}`);
    const body = (await answer.json()) as unknown;
    if (answer.ok) return body as TraceAnswer;
    if (answer.status !== 503 || tries >= mostTries) throw new Error((body as { readonly error?: string }).error ?? `the answer was ${answer.status}`);
    await new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
  }
}

function traceElements(trace: TraceAnswer): HTMLElement[] {
  const { packet, hops, branches, back } = trace;
  return [
    verdictElement(trace),
    element('p', { class: 'muted' }, `From ${packet.source}${packet.device === null ? '' : ` by ${packet.device}`} to ${packet.destination}`),
    hopList(hops),
    ...branches.map(branchElement),
    ...(back.length === 0 ? [] : [element('h4', {}, 'Back to the client'), hopList(back)]),
  ];
}

function verdictElement({ verdict, protocol, port }: TraceAnswer): HTMLElement {
  const { reaches, certain, servers, reached, end } = verdict;
  const perhaps = certain ? '' : 'Probably: ';
  if (reaches) return element('p', { class: 'verdict', 'data-outcome': 'reaches' }, `${perhaps}${protocol}/${port} leads to ${reached} of ${count(servers, 'task')}, and back`);
  return element(
    'div',
    { class: 'verdict', 'data-outcome': 'ends' },
    element('p', {}, end === null ? 'It leads to no task' : `${perhaps}It ends at ${end.name}, ${end.step}: ${end.what}`),
    ...(end === null ? [] : [element('p', {}, end.why), element('p', { class: 'remedy' }, end.remedy)]),
  );
}

const branchWords: Readonly<Record<TraceBranch['outcome'], string>> = { reaches: 'reaches', ends: 'ends before', drained: 'takes no new connections' };

function branchElement(branch: TraceBranch): HTMLElement {
  const { task, address, port, node, outcome, weight, hops } = branch;
  const name = `${task ?? 'unknown task'}${node === null ? '' : ` on ${node}`}`;
  return element(
    'details',
    { class: 'branch', 'data-outcome': outcome, ...(outcome === 'ends' ? { open: '' } : {}) },
    element('summary', {}, element('span', { class: 'dot' }), element('span', { class: 'name' }, `To ${name}`), element('span', { class: 'muted mono' }, `${address}:${port}`), element('span', { class: 'cell' }, outcome === 'reaches' ? `weight ${weight}` : branchWords[outcome])),
    hopList(hops),
  );
}

/** Hops of one place share its name. */
function hopList(hops: readonly TraceHop[]): HTMLElement {
  return element('ol', { class: 'hops' }, ...hops.map((hop, index) => hopElement(hop, hops[index - 1]?.name !== hop.name)));
}

function hopElement(hop: TraceHop, isNewPlace: boolean): HTMLElement {
  const { name, step, outcome, what, counters, rules, notes, commands, why, remedy } = hop;
  return element(
    'li',
    { class: 'hop', 'data-outcome': outcome },
    ...(isNewPlace ? [element('div', { class: 'hop-place' }, name)] : []),
    element('div', { class: 'hop-what' }, element('span', { class: 'hop-step mono' }, step), ` ${what}`, ...(counters === null ? [] : [element('span', { class: 'muted' }, ` · ${count(counters.packets, 'packet')}`)])),
    ...(why === null ? [] : [element('p', { class: 'hop-why' }, why)]),
    ...(remedy === null ? [] : [element('p', { class: 'remedy' }, remedy)]),
    ...notes.map((note) => element('p', { class: 'muted' }, note)),
    ...(rules.length + commands.length === 0 ? [] : [element('details', { class: 'hop-more' }, element('summary', {}, rules.length > 0 ? `${count(rules.length, 'rule')}, and how to see them` : 'See it by hand'), ...rules.map(ruleElement), ...commands.map((command) => element('code', { class: 'command' }, command)))]),
  );
}

function ruleElement({ chain, number, depth, rule, outcome, counters }: TraceRule): HTMLElement {
  const made = element('div', { class: 'rule mono', 'data-outcome': outcome }, element('span', { class: 'muted' }, `${chain}${number === null ? '' : ` ${number}`}${counters === null ? '' : ` · ${counters.packets}`}  `), rule);
  made.style.paddingInlineStart = `${depth}em`;
  return made;
}
