/** IPVS of one network namespace, over generic netlink. */

import { GenericNetlinkSocket } from '../generic-netlink.js';
import { nested, type Attribute, type AttributeMap } from '../netlink/attributes.js';
import { NetlinkDecodeError, NetlinkError } from '../netlink/errors.js';
import type { NetlinkResult } from '../netlink/message.js';
import { throwFirstRefusal } from '../netlink/socket.js';
import type { NetworkNamespace } from '../netns.js';
import {
  IPVS_CMD_ATTR_DEST, IPVS_CMD_ATTR_SERVICE, IPVS_CMD_ATTR_TIMEOUT_TCP, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, IPVS_CMD_ATTR_TIMEOUT_UDP,
  IPVS_CMD_GET_CONFIG, IPVS_CMD_GET_DEST, IPVS_CMD_GET_INFO, IPVS_CMD_GET_SERVICE, IPVS_GENL_NAME, IPVS_GENL_VERSION,
  IPVS_INFO_ATTR_CONN_TAB_SIZE, IPVS_INFO_ATTR_VERSION,
} from './constants.js';
import { decodeDestination } from './destination-codec.js';
import { addDestination, addService, setDestination, setService } from './requests.js';
import { decodeService, encodeServiceKey, formatServiceKey, serviceFamily } from './service-codec.js';
import type {
  IpvsInfo, IpvsRequest, IpvsTimeouts, NewDestination, NewVirtualService, ObservedDestination, ObservedVirtualService, ServiceKey,
} from './types.js';

/** The kernel has no IPVS: the module ip_vs is neither loaded nor loadable. */
export class IpvsUnavailableError extends Error {
  override readonly name = 'IpvsUnavailableError';
}

export class Ipvs {
  private constructor(private readonly socket: GenericNetlinkSocket) {}

  /**
   * Opens IPVS in a namespace (this thread's own when left out); asks the kernel to load ip_vs.
   * The namespace's handle may be closed afterwards, but the socket keeps the namespace alive.
   * @throws IpvsUnavailableError
   */
  static open(namespace?: NetworkNamespace): Ipvs {
    try {
      return new Ipvs(GenericNetlinkSocket.open(IPVS_GENL_NAME, IPVS_GENL_VERSION, namespace));
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== 'ENOENT') throw error;
      throw new IpvsUnavailableError('the kernel has no IPVS: load it with "modprobe ip_vs" (Debian: in every linux-image package)', { cause: error });
    }
  }

  /** Idempotent. */
  close(): void {
    this.socket.close();
  }

  /** Sends all requests in as few sends as possible; one result each, in order; a refused one does not stop the rest. */
  request(requests: readonly IpvsRequest[]): NetlinkResult[] {
    return this.socket.request(requests);
  }

  /** As `request`, but throws the first refusal after all were tried. */
  execute(requests: readonly IpvsRequest[]): void {
    throwFirstRefusal(this.request(requests));
  }

  /** Makes each service be there with these settings, whatever was before. Results in order. */
  ensureServices(services: readonly NewVirtualService[]): NetlinkResult[] {
    return this.addOrSet(services.map(addService), (index) => services.slice(index, index + 1).map(setService));
  }

  /** Makes each destination be there with these settings (weight!), whatever was before: NEW, then SET for those that existed. Results in order. */
  ensureDestinations(
    destinations: readonly { readonly service: ServiceKey; readonly destination: NewDestination }[],
  ): NetlinkResult[] {
    return this.addOrSet(
      destinations.map(({ service, destination }) => addDestination(service, destination)),
      (index) => destinations.slice(index, index + 1).map(({ service, destination }) => setDestination(service, destination)),
    );
  }

  services(): ObservedVirtualService[] {
    return this.socket
      .dump({ command: IPVS_CMD_GET_SERVICE, attributes: [], description: 'list virtual services' })
      .map((reply) => decodeService(requireNested(reply.attributes, IPVS_CMD_ATTR_SERVICE)));
  }

  /** One service, or undefined when there is none. */
  service(key: ServiceKey): ObservedVirtualService | undefined {
    try {
      const [reply] = this.socket.ask({
        command: IPVS_CMD_GET_SERVICE, attributes: serviceAttributes(key), description: `get virtual service ${formatServiceKey(key)}`,
      });
      return reply === undefined ? undefined : decodeService(requireNested(reply.attributes, IPVS_CMD_ATTR_SERVICE));
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ESRCH') return undefined;
      throw error;
    }
  }

  /** Real servers of one service; none when there is no such service (a dump cannot tell the two apart). */
  destinations(service: ServiceKey): ObservedDestination[] {
    const family = serviceFamily(service);
    return this.socket
      .dump({
        command: IPVS_CMD_GET_DEST, attributes: serviceAttributes(service), description: `list destinations of ${formatServiceKey(service)}`,
      })
      .map((reply) => decodeDestination(requireNested(reply.attributes, IPVS_CMD_ATTR_DEST), family));
  }

  timeouts(): IpvsTimeouts {
    const { attributes } = this.askOne({ command: IPVS_CMD_GET_CONFIG, attributes: [], description: 'get IPVS timeouts' });
    return {
      tcpSeconds: attributes.u32(IPVS_CMD_ATTR_TIMEOUT_TCP) ?? 0,
      tcpFinSeconds: attributes.u32(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN) ?? 0,
      udpSeconds: attributes.u32(IPVS_CMD_ATTR_TIMEOUT_UDP) ?? 0,
    };
  }

  info(): IpvsInfo {
    const { attributes } = this.askOne({ command: IPVS_CMD_GET_INFO, attributes: [], description: 'get IPVS info' });
    const version = attributes.u32(IPVS_INFO_ATTR_VERSION) ?? 0;
    return {
      version: `${(version >> 16) & 0xff}.${(version >> 8) & 0xff}.${version & 0xff}`,
      connectionTableSize: attributes.u32(IPVS_INFO_ATTR_CONN_TAB_SIZE) ?? 0,
    };
  }

  private askOne(request: IpvsRequest): { readonly attributes: AttributeMap } {
    const [reply] = this.socket.ask(request);
    if (reply === undefined) throw new NetlinkDecodeError(`${request.description}: an acknowledgement, but no answer`);
    return reply;
  }

  /** Tries to add all; where that is EEXIST, sets. */
  private addOrSet(additions: readonly IpvsRequest[], settings: (index: number) => IpvsRequest[]): NetlinkResult[] {
    const results = this.request(additions);
    const existing = results.flatMap((result, index) =>
      !result.ok && result.error instanceof NetlinkError && result.error.code === 'EEXIST' ? [index] : []);
    const set = this.request(existing.flatMap(settings));
    existing.forEach((index, position) => {
      const result = set[position];
      if (result !== undefined) results[index] = result;
    });
    return results;
  }
}

function serviceAttributes(key: ServiceKey): Attribute[] {
  return [nested(IPVS_CMD_ATTR_SERVICE, encodeServiceKey(key))];
}

function requireNested(attributes: AttributeMap, type: number): AttributeMap {
  const inner = attributes.nested(type);
  if (inner === undefined) throw new NetlinkDecodeError(`IPVS answer without attribute ${type}`);
  return inner;
}
