import { mkdir, rename, writeFile } from 'node:fs/promises';
import { swarmCertificates, type CertificatePaths } from '../../../../src/cluster/relay/certificates.js';
import type { Authority, LeafOptions, Signed } from '../../../support/certificates.js';

export const clusterId = '7ru3iubczmb0q6j8kaqttjpj9';

/** One node's folder of certificates, written as dockerd writes it: each file renamed into place, the key first. */
export class SwarmFolder {
  readonly paths: CertificatePaths;

  constructor(root: string) {
    this.paths = swarmCertificates(root);
  }

  async write(authority: Authority, nodeId: string, role: string, options: LeafOptions & { readonly cluster?: string } = {}): Promise<Signed> {
    const signed = authority.issue({ CN: nodeId, OU: role, O: options.cluster ?? clusterId }, options);
    await this.put({ ...signed, key: withHeaders(signed.key) }, authority.certificate);
    return signed;
  }

  async put({ certificate, key }: Signed, authority: string): Promise<void> {
    await mkdir(this.paths.key.replace(/\/[^/]*$/, ''), { recursive: true });
    await this.replace(this.paths.authority, authority);
    await this.replace(this.paths.key, key);
    await this.replace(this.paths.certificate, certificate);
  }

  private async replace(path: string, text: string): Promise<void> {
    await writeFile(`${path}.tmp`, text);
    await rename(`${path}.tmp`, path);
  }
}

/** As swarmkit writes a manager's key: its own words in the PEM's headers. */
export function withHeaders(key: string): string {
  return key.replace('PRIVATE KEY-----\n', 'PRIVATE KEY-----\nkek-version: 0\nraft-dek: CAISILCd2\n\n');
}
