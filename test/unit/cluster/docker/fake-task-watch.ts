/** swarmkit's Watch on a unix socket: real gRPC, real TLS, and messages written by hand from swarmkit's .proto files. */
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Authority } from '../../../support/certificates.js';

export interface WatchedTask {
  readonly id: string;
  readonly version: number;
  readonly service: string;
  readonly node: string;
  readonly slot: number;
  /** TaskState: 512 is running, 640 shut down. */
  readonly state: number;
  readonly desired: number;
  readonly network: string;
  readonly address: string;
  /** When the record and when its status was changed, in milliseconds since 1970. */
  readonly updatedAt?: number;
  readonly statusAt?: number;
}

export const running = 512;
export const shutdown = 640;

export class FakeTaskWatch {
  readonly socket: string;
  readonly authority: string;
  readonly requests: Buffer[] = [];
  private readonly streams = new Set<ServerWritableStream<Buffer, Buffer>>();
  private server: Server | null = null;

  constructor(private readonly folder: string) {
    this.socket = join(folder, 'control.sock');
    this.authority = join(folder, 'swarm-root-ca.crt');
  }

  /** `names`: what the certificate says that this is. */
  async start({ names = ['swarm-manager'], told = new Authority(), signing = told }: { names?: readonly string[]; told?: Authority; signing?: Authority } = {}): Promise<void> {
    await writeFile(this.authority, told.certificate);
    const { certificate, key } = signing.issue({ CN: 'alphaid', OU: 'swarm-manager' }, { names });
    const server = new Server();
    const bytes = (value: Buffer) => value;
    server.addService(
      { watch: { path: '/docker.swarmkit.v1.Watch/Watch', requestStream: false, responseStream: true, requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes } },
      {
        watch: (stream: ServerWritableStream<Buffer, Buffer>) => {
          this.requests.push(stream.request);
          this.streams.add(stream);
          stream.on('close', () => this.streams.delete(stream));
          stream.write(Buffer.alloc(0));
        },
      },
    );
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${this.socket}`, ServerCredentials.createSsl(null, [{ private_key: Buffer.from(key), cert_chain: Buffer.from(certificate) }]), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    this.server = server;
  }

  /** As dockerd's end does to its streams. */
  stop(): void {
    this.server?.forceShutdown();
    this.server = null;
  }

  updated(task: WatchedTask): void {
    this.tell(2, task);
  }

  removed(task: WatchedTask): void {
    this.tell(4, task);
  }

  private tell(action: number, task: WatchedTask): void {
    const message = part(1, number(1, action), part(2, part(4, taskBytes(task))));
    for (const stream of this.streams) stream.write(message);
  }
}

/** With a spec (field 3), which nobody here reads. */
function taskBytes({ id, version, service, node, slot, state, desired, network, address, updatedAt, statusAt }: WatchedTask): Buffer {
  return Buffer.concat([
    part(1, Buffer.from(id)), part(2, part(1, number(1, version)), time(3, updatedAt)), part(3, part(1, Buffer.from('spec'))), part(4, Buffer.from(service)), number(5, slot),
    part(6, Buffer.from(node)), part(9, time(1, statusAt), number(2, state)), number(10, desired), part(11, part(1, part(1, Buffer.from(network))), part(2, Buffer.from(address))),
  ]);
}

/** google.protobuf.Timestamp: seconds and nanoseconds. */
function time(field: number, milliseconds: number | undefined): Buffer {
  return milliseconds === undefined ? Buffer.alloc(0) : part(field, number(1, Math.floor(milliseconds / 1_000)), number(2, (milliseconds % 1_000) * 1e6));
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left]);
    bytes.push((left % 128) | 0x80);
  }
}

const number = (field: number, value: number) => Buffer.concat([varint(field << 3), varint(value)]);

function part(field: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([varint((field << 3) | 2), varint(body.length), body]);
}
