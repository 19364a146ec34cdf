/** Echo requests from the sandbox to those of peers: through the fabric and the tunnel, as traffic goes. */
import { EchoSocket, type NetworkNamespace } from '../../native/index.js';
import { asError } from './errors.js';
import type { Machine } from './machine.js';

export type OnEchoReply = (source: string, sequence: number) => void;

export interface EchoQuestion {
  readonly destination: string;
  readonly sequence: number;
}

export class PeerProbe {
  private socket: { readonly echo: EchoSocket; readonly source: string; readonly inode: number } | undefined;
  private onReply: OnEchoReply = () => undefined;
  private listens = true;

  constructor(private readonly machine: Machine) {}

  /**
   * Gives why each question could not be sent, in order; null: it was.
   * @throws when there is no sandbox (yet), or it does not have the source address
   */
  ask(source: string, questions: readonly EchoQuestion[], onReply: OnEchoReply): readonly (Error | null)[] {
    this.onReply = onReply;
    const socket = this.socketFor(source);
    return questions.map(({ destination, sequence }) => {
      try {
        socket.send(destination, sequence);
        return null;
      } catch (error) {
        return asError(error);
      }
    });
  }

  /** Whether answers are handed over as they come, or only by `read`. True at first. */
  listen(asTheyCome: boolean): void {
    this.listens = asTheyCome;
    this.socket?.echo.listen(asTheyCome);
  }

  /** Hands over answers that wait. */
  read(): void {
    this.socket?.echo.read();
  }

  /** The same until it is enough, for so many milliseconds at most, in which nothing else is done. */
  readWithin(milliseconds: number, isEnough: () => boolean): void {
    this.socket?.echo.readWithin(milliseconds, isEnough);
  }

  close(): void {
    this.socket?.echo.close();
    this.socket = undefined;
  }

  /** A socket keeps its namespace alive: that of a sandbox that was deleted is let go of as soon as a pass has found another. */
  private socketFor(source: string): EchoSocket {
    const sandbox = this.machine.lastOpened('sandbox')?.namespace;
    if (this.socket !== undefined && (this.socket.inode !== sandbox?.identity.inode || this.socket.source !== source)) this.close();
    if (sandbox === undefined) throw new Error('there is no sandbox to ask from');
    this.socket ??= { echo: this.open(sandbox, source), source, inode: sandbox.identity.inode };
    return this.socket.echo;
  }

  private open(namespace: NetworkNamespace, source: string): EchoSocket {
    const echo = EchoSocket.open({
      namespace,
      source,
      onReply: ({ source: from, sequence }) => { this.onReply(from, sequence); },
      onError: () => { this.socket = undefined; },
    });
    echo.listen(this.listens);
    return echo;
  }
}
