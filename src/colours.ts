/** https://no-color.org: any non-empty value means no colours. */
export function wantsColours(environment: NodeJS.ProcessEnv): boolean {
  return (environment.NO_COLOR ?? '') === '' && environment.TERM !== 'dumb';
}
