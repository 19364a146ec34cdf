/**
 * docker-compose.yml as `docker run` takes it: Debian's oldest compose does not know all that the file says (it hands
 * `systempaths=unconfined` to dockerd, which is the client's word). A key that is not known here is an error, so that the
 * file can't say what no test has seen.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

interface Bind {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly bind?: { readonly propagation?: string; readonly create_host_path?: boolean };
}

interface Service {
  readonly [key: string]: unknown;
  readonly image: string;
  readonly volumes: readonly (string | Bind)[];
}

const flags: Readonly<Record<string, (value: never) => string[]>> = {
  build: () => [],
  image: () => [],
  restart: (value: string) => ['--restart', value],
  network_mode: (value: string) => ['--network', value],
  pid: (value: string) => ['--pid', value],
  cap_drop: (values: readonly string[]) => values.flatMap((value) => ['--cap-drop', value]),
  cap_add: (values: readonly string[]) => values.flatMap((value) => ['--cap-add', value]),
  security_opt: (values: readonly string[]) => values.flatMap((value) => ['--security-opt', value.replace(':', '=')]),
  read_only: (value: boolean) => [`--read-only=${value}`],
  ulimits: (limits: Readonly<Record<string, number | { readonly soft: number; readonly hard: number }>>) =>
    Object.entries(limits).flatMap(([name, limit]) => ['--ulimit', `${name}=${typeof limit === 'number' ? limit : `${limit.soft}:${limit.hard}`}`]),
  volumes: (values: readonly (string | Bind)[]) => values.flatMap(volume),
  logging: ({ options }: { readonly options: Readonly<Record<string, string>> }) => Object.entries(options).flatMap(([key, value]) => ['--log-opt', `${key}=${value}`]),
};

function volume(value: string | Bind): string[] {
  if (typeof value === 'string') return ['--volume', value];
  const propagation = value.bind?.propagation === undefined ? '' : `,bind-propagation=${value.bind.propagation}`;
  return ['--mount', `type=${value.type},source=${value.source},target=${value.target}${propagation}`];
}

/** Flags and image of the file's only service. */
export function composedRun(): { readonly flags: readonly string[]; readonly image: string } {
  const { services } = parse(readFileSync(new URL('../../../docker-compose.yml', import.meta.url), 'utf8')) as { services: { routemesh: Service } };
  const { routemesh } = services;
  const translated = Object.entries(routemesh).flatMap(([key, value]) => {
    const translate = flags[key];
    if (translate === undefined) throw new Error(`docker-compose.yml says ${key}, which no test has seen`);
    return translate(value as never);
  });
  return { flags: translated, image: routemesh.image };
}
