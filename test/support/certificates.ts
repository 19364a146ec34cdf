/**
 * X.509 certificates made on the spot, so that tests need no tool: a few lines of DER (ITU-T X.690), RFC 5280's fields,
 * signed by node:crypto. Laid out as Swarm's are: P-256, CN node id, OU role, O cluster id.
 */
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

export interface Signed {
  /** PEM. */
  readonly certificate: string;
  /** PEM, SEC 1 as Swarm writes it. */
  readonly key: string;
}

export interface Subject {
  readonly CN?: string;
  readonly OU?: string;
  readonly O?: string;
}

export interface LeafOptions {
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** DNS names (subjectAltName), such as the role that swarmkit's clients ask for. */
  readonly names?: readonly string[];
}

const day = 86_400_000;
/** Swarm takes no root that has less than a year left. */
const authorityDays = 3_650;

export class Authority implements Signed {
  readonly certificate: string;
  readonly key: string;
  private readonly keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  private readonly name: Subject;

  /** An authority that another one signs is an intermediate. */
  constructor(commonName = 'swarm-ca', parent?: Authority) {
    this.name = { CN: commonName };
    const { publicKey, privateKey } = this.keys;
    const signer = parent ?? this;
    const fields = certificateFields(this.name, signer.name, publicKey, new Date(Date.now() - day), new Date(Date.now() + authorityDays * day), authorityExtensions);
    this.certificate = pem('CERTIFICATE', signed(fields, signer.keys.privateKey));
    this.key = privateKey.export({ type: 'sec1', format: 'pem' }) as string;
  }

  issue(subject: Subject, { notBefore = new Date(Date.now() - day), notAfter = new Date(Date.now() + 90 * day), names = [] }: LeafOptions = {}): Signed {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const fields = certificateFields(subject, this.name, publicKey, notBefore, notAfter, [...leafExtensions, ...subjectNames(names)]);
    return { certificate: pem('CERTIFICATE', signed(fields, this.keys.privateKey)), key: privateKey.export({ type: 'sec1', format: 'pem' }) as string };
  }
}

function tag(number: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const length = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([number, ...length]), body]);
}

const sequence = (...items: readonly Uint8Array[]) => tag(0x30, ...items);
const set = (...items: readonly Uint8Array[]) => tag(0x31, ...items);
const text = (value: string) => tag(0x0c, Buffer.from(value));
const octets = (value: Uint8Array) => tag(0x04, value);
const bits = (value: Uint8Array) => tag(0x03, Buffer.from([0]), value);
const yes = tag(0x01, Buffer.from([0xff]));
/** GeneralizedTime; RFC 5280 wants UTCTime before 2050, OpenSSL reads both. */
const time = (value: Date) => tag(0x18, Buffer.from(value.toISOString().replace(/[-:T]|\.\d+/g, '')));

function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tag(0x06, Buffer.from(bytes));
}

const ecdsaWithSha256 = sequence(objectId('1.2.840.10045.4.3.2'));
const attributeTypes = { CN: '2.5.4.3', OU: '2.5.4.11', O: '2.5.4.10' } as const;

function name(subject: Subject): Buffer {
  const attributes = (['O', 'OU', 'CN'] as const).flatMap((type) => {
    const value = subject[type];
    return value === undefined ? [] : [set(sequence(objectId(attributeTypes[type]), text(value)))];
  });
  return sequence(...attributes);
}

/** basicConstraints CA:TRUE; keyUsage keyCertSign and cRLSign: both critical. */
const authorityExtensions = [
  sequence(objectId('2.5.29.19'), yes, octets(sequence(yes))),
  sequence(objectId('2.5.29.15'), yes, octets(tag(0x03, Buffer.from([1, 0x06])))),
];
/** keyUsage digitalSignature and keyEncipherment; extKeyUsage serverAuth and clientAuth; basicConstraints CA:FALSE. */
const leafExtensions = [
  sequence(objectId('2.5.29.15'), yes, octets(tag(0x03, Buffer.from([5, 0xa0])))),
  sequence(objectId('2.5.29.37'), octets(sequence(objectId('1.3.6.1.5.5.7.3.1'), objectId('1.3.6.1.5.5.7.3.2')))),
  sequence(objectId('2.5.29.19'), yes, octets(sequence())),
];

function subjectNames(names: readonly string[]): Buffer[] {
  if (names.length === 0) return [];
  return [sequence(objectId('2.5.29.17'), octets(sequence(...names.map((dns) => tag(0x82, Buffer.from(dns))))))];
}

function certificateFields(subject: Subject, issuer: Subject, key: KeyObject, notBefore: Date, notAfter: Date, extensions: readonly Buffer[]): Buffer {
  const serial = randomBytes(8);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return sequence(
    tag(0xa0, tag(0x02, Buffer.from([2]))),
    tag(0x02, serial),
    ecdsaWithSha256,
    name(issuer),
    sequence(time(notBefore), time(notAfter)),
    name(subject),
    key.export({ type: 'spki', format: 'der' }),
    tag(0xa3, sequence(...extensions)),
  );
}

function signed(fields: Buffer, key: KeyObject): Buffer {
  return sequence(fields, ecdsaWithSha256, bits(sign('sha256', fields, key)));
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
