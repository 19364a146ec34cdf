/** A pause that can be cut short. A ring while nobody waits is remembered for the next wait. */
export class Alarm {
  private rung = false;
  private wake: (() => void) | null = null;

  ring(): void {
    this.rung = true;
    this.wake?.();
  }

  /** Resolves after the milliseconds, or at a ring, or when the signal aborts. One waiter at a time. */
  async wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (!this.rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, milliseconds);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
        signal.addEventListener('abort', this.wake, { once: true });
      });
      if (this.wake !== null) signal.removeEventListener('abort', this.wake);
      this.wake = null;
    }
    this.rung = false;
  }
}
