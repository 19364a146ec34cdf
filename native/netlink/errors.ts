/** Errors of the netlink layer: what the kernel refused, and bytes that are not netlink. */

import { describeErrno, errnoName } from '../errors.js';

/** Details of a refusal, as the kernel gave them (struct nlmsgerr and its extended-ack attributes, linux/netlink.h). */
export interface NetlinkErrorDetails {
  /** Positive errno. */
  readonly errno: number;
  /** The kernel's own sentence (NLMSGERR_ATTR_MSG), when it gave one. */
  readonly kernelText?: string | undefined;
  /** Byte offset of the attribute that was refused, counted from the start of the request's header (NLMSGERR_ATTR_OFFS). */
  readonly attributeOffset?: number | undefined;
  /** Number of the attribute that was missing (NLMSGERR_ATTR_MISS_TYPE). */
  readonly missingAttribute?: number | undefined;
}

/** The kernel refused one request. `code` is the errno's name ("EEXIST"), `request` says what was asked of which object. */
export class NetlinkError extends Error implements NetlinkErrorDetails {
  override readonly name = 'NetlinkError';
  readonly code: string;
  readonly errno: number;
  readonly kernelText: string | undefined;
  readonly attributeOffset: number | undefined;
  readonly missingAttribute: number | undefined;

  constructor(
    /** What was asked, in words: "add route 10.0.0.5/32 dev 7". */
    readonly request: string,
    details: NetlinkErrorDetails,
  ) {
    const text = details.kernelText === undefined ? '' : `: ${details.kernelText}`;
    super(`${request}: the kernel refused with ${describeErrno(details.errno)}${text}`);
    this.code = errnoName(details.errno);
    this.errno = details.errno;
    this.kernelText = details.kernelText;
    this.attributeOffset = details.attributeOffset;
    this.missingAttribute = details.missingAttribute;
  }
}

/** Bytes that should be netlink are not: too short, overlapping, or a value of the wrong size. */
export class NetlinkDecodeError extends Error {
  override readonly name = 'NetlinkDecodeError';
}

/** The kernel's answer to a request never arrived or was lost (receive buffer overrun): the request's fate is unknown. */
export class NetlinkNoAnswerError extends Error {
  override readonly name = 'NetlinkNoAnswerError';
  constructor(
    readonly request: string,
    reason: string,
  ) {
    super(`${request}: the kernel's answer is missing (${reason}); whether it was done is unknown, look again`);
  }
}

/** A table changed so often while it was read that no reading was whole. Try again later. */
export class NetlinkDumpInterruptedError extends Error {
  override readonly name = 'NetlinkDumpInterruptedError';
  constructor(
    readonly request: string,
    readonly attempts: number,
  ) {
    super(`${request}: the table changed during each of ${attempts} readings`);
  }
}
