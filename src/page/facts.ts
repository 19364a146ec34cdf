/** A short list of names and values. */
import { element, setText } from './element.js';

export class Facts {
  readonly element = element('dl', { class: 'facts' });
  private readonly values = new Map<string, HTMLElement>();

  show(facts: readonly (readonly [string, string])[]): void {
    const names = facts.map(([name]) => name);
    if (names.join('\n') !== [...this.values.keys()].join('\n')) this.rename(names);
    for (const [name, value] of facts) {
      const target = this.values.get(name);
      if (target !== undefined) setText(target, value);
    }
  }

  private rename(names: readonly string[]): void {
    this.values.clear();
    this.element.replaceChildren(
      ...names.flatMap((name) => {
        const value = element('dd');
        this.values.set(name, value);
        return [element('dt', {}, name), value];
      }),
    );
  }
}
