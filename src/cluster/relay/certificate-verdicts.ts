/**
 * What OpenSSL finds wrong with a certificate (X509_V_ERR_*), in words for people: the verdicts that are told alike of a
 * manager and of a follower.
 */
export const certificateVerdicts: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not yet valid; are the clocks right?',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of another cluster',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is of another cluster',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of another cluster',
};
