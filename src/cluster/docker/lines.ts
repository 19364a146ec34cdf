/** Lines out of a byte stream that is cut anywhere, in the middle of a line or of a UTF-8 character. */

/** In bytes. A line this long is no event: the stream has lost its thread. */
const longestEvent = 1024 * 1024;

export class LineTooLongError extends Error {
  override readonly name = 'LineTooLongError';
  constructor(longestLine: number) {
    super(`Expected lines of at most ${longestLine} bytes`);
  }
}

export class LineSplitter {
  private pieces: Buffer[] = [];
  private length = 0;

  constructor(private readonly longestLine = longestEvent) {}

  /** The lines that this chunk completes, without their ends. Throws LineTooLongError. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      this.keep(chunk.subarray(start, end));
      lines.push(Buffer.concat(this.pieces).toString('utf8').replace(/\r$/, ''));
      this.pieces = [];
      this.length = 0;
      start = end + 1;
    }
    this.keep(chunk.subarray(start));
    return lines;
  }

  /** What has come since the end of the last line. */
  rest(): string {
    return Buffer.concat(this.pieces).toString('utf8');
  }

  private keep(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.length += piece.length;
    if (this.length > this.longestLine) throw new LineTooLongError(this.longestLine);
    this.pieces.push(Buffer.from(piece));
  }
}
