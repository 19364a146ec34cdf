/** The panel at the side: events as a rule, else what was opened. A window over the picture where there is no room. */
import { byId, setText } from './element.js';
import type { MeshEvent, MeshSnapshot } from './wire.js';

export interface PanelFacts {
  readonly snapshot: MeshSnapshot;
  /** The newest first. */
  readonly events: readonly MeshEvent[];
  /** New connections just now, by id of the real server. */
  readonly fresh: ReadonlyMap<string, number>;
  /** Rates of the last minute. */
  readonly history: (id: string) => readonly number[];
}

export interface PanelContent {
  readonly element: HTMLElement;
  /** What stands above it; null: what it was about is gone. */
  title(facts: PanelFacts): string | null;
  update(facts: PanelFacts): void;
}

export class Panel {
  private readonly aside = byId('panel');
  private readonly heading = byId('panel-title');
  private readonly body = byId('panel-body');
  private content: PanelContent | null = null;
  private facts: PanelFacts | null = null;

  constructor(private readonly onClose: () => void) {
    byId('panel-close').addEventListener('click', () => { this.onClose(); });
  }

  get isOpen(): boolean {
    return this.content !== null;
  }

  /** `takesFocus`: a person has opened it, and goes on in it. */
  open(content: PanelContent, takesFocus: boolean): void {
    this.content = content;
    this.body.replaceChildren(content.element);
    this.body.scrollTop = 0;
    this.aside.hidden = false;
    document.body.dataset.panel = 'open';
    if (this.facts !== null) this.show(this.facts);
    if (takesFocus) this.heading.focus();
  }

  close(): void {
    this.content = null;
    this.body.replaceChildren();
    this.aside.hidden = true;
    delete document.body.dataset.panel;
  }

  show(facts: PanelFacts): void {
    this.facts = facts;
    const { content } = this;
    if (content === null) return;
    const title = content.title(facts);
    setText(this.heading, title ?? `${this.heading.textContent.replace(/ \(gone\)$/, '')} (gone)`);
    if (title !== null) content.update(facts);
  }
}
