/** The command line: commands, their flags and their help. What a command does is imported when it is called. */
import { Argument, Command, CommanderError, Option } from 'commander';
import { configurationKeys, flagOf, optionDescriptions, variableOf, type ConfigurationKey } from '../configuration/options.js';
import { defaultConfigurationPath, loadSettings } from '../configuration/load.js';
import type { Settings } from '../settings.js';
import { readVersion } from '../version.js';
import { exitCodes } from './exit-codes.js';
import { standardOutput, type Output } from './output.js';

interface Flags {
  readonly json: boolean;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly from: string | undefined;
  /** The command's argument; empty for a command without one. */
  readonly argument: string;
  /** All of its arguments. */
  readonly words: readonly string[];
  /** Flags of one command alone, as they were typed: it reads them itself. */
  readonly own: Readonly<Record<string, unknown>>;
}

/** Resolves with the exit code. */
type Action = (settings: Settings, flags: Flags, output: Output) => Promise<number>;

interface CommandDescription {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  /** What `--json` prints. */
  readonly json: string;
  /** Settings that the command goes by; others are still read from environment and file. */
  readonly settings: readonly ConfigurationKey[];
  readonly arguments?: readonly Argument[];
  readonly options?: readonly Option[];
  readonly help: string;
  readonly action: Action;
}

const commands: readonly CommandDescription[] = [
  {
    name: 'run',
    summary: 'serve published ports on this node until stopped',
    description: `Programs this node's kernel with what the cluster publishes, and keeps it so: changes of the cluster are followed, changes by others are repaired. Needs root. Stopping it (SIGTERM, Ctrl-C) leaves the data plane as it is: connections go on, and the next start changes nothing.`,
    json: 'log as JSON (the same as --log-format json)',
    settings: configurationKeys,
    help: `Examples:
  sudo routemesh run                                    on a node of a Swarm, with the defaults
  sudo routemesh run --log-level debug                  each change, and why
  sudo routemesh run --ui 127.0.0.1:8090                with the page that draws the mesh
  sudo routemesh run --cluster-file mesh.yaml --node a  without Docker
  sudo routemesh run --metrics 127.0.0.1:9798           for Prometheus

Exit codes: 0 stopped, 1 could not start (what is missing is named), 64 wrong usage.`,
    action: async (settings, { json }) => (await import('./run.js')).runController(settings, json),
  },
  {
    name: 'plan',
    summary: 'show what `run` would change right now',
    description: `Reads the cluster and the kernel once and shows the difference, by place and kind: + to add, ~ to change, - to remove. Changes nothing. Needs root to look into namespaces.`,
    json: 'print the changes and the whole plan as JSON',
    settings: configurationKeys,
    help: `Examples:
  sudo routemesh plan
  sudo routemesh plan --json | jq '.changes[] | select(.kind == "iptables")'
  sudo routemesh plan > /dev/null && echo "nothing to do"

Exit codes: 0 nothing to do, 2 something to do, 1 failed, 64 wrong usage.`,
    action: async (settings, { json }, output) => (await import('./plan.js')).runPlan(settings, json, output),
  },
  {
    name: 'status',
    summary: 'show nodes, services, ports, tasks and what is wrong',
    description: `Asks the controller that runs on this node. The first line says whether all that is published is served; then what keeps it from being so; then ports with their tasks, weights and connections, nodes, the controller itself and the latest events.`,
    json: 'print the whole report as JSON, with every event that is remembered (with --watch, one line each time)',
    settings: ['controlSocket'],
    options: [new Option('--watch [SECONDS]', 'draw it again and again, every 2 seconds if not said otherwise; q or Ctrl-C ends')],
    help: `Examples:
  sudo routemesh status
  sudo routemesh status --watch
  sudo routemesh status --json | jq '.ports[].backends[] | {taskName, connections}'
  sudo routemesh status --json | jq -r '.events[] | [.lastTime, .reason, .message] | @tsv'

Exit codes: 0 everything is served, 1 not (or no controller runs), 64 wrong usage.`,
    action: async (settings, { json, own }, output) => (await import('./status.js')).runStatus(settings, { json, watch: own.watch === true ? true : textIn(own, 'watch') }, output),
  },
  {
    name: 'trace',
    summary: 'show the way of a packet for a port through this node',
    description: `Follows a client's packet for a published port hop by hop, and its answer back: host, sandbox, fabric, task. Every rule, route and real server is read from the kernel, with its counters and the command that shows it by hand; where the way ends, it says why and what would repair it. With --live it waits for a real connection and follows that: what connection tracking and IPVS make of it in each place, as it happens, to its end. Changes nothing. Needs root.`,
    json: 'print the hops and the verdict as JSON; with --live one JSON object a line, as it happens',
    settings: ['gatewayBridge', 'gatewaySubnet', 'sandbox', 'fabric', 'chain', 'reservedPorts', 'stateFolder'],
    arguments: [new Argument('<PORT[/PROTOCOL]>', 'published port, such as 8080 (tcp) or 53/udp')],
    options: [
      new Option('--from <ADDRESS>', "client's IPv4 address, by which rules may go; 127.0.0.1: this node itself (default: 192.0.2.1, a stranger; with --live: whoever comes)"),
      new Option('--live', 'follow the next new connection instead of a made-up packet'),
      new Option('--timeout <DURATION>', 'how long --live waits for a connection (default: 60s)'),
    ],
    help: `Examples:
  sudo routemesh trace 8080
  sudo routemesh trace 53/udp --from 203.0.113.9    does a rule of mine keep this client out?
  sudo routemesh trace 8080 --from 127.0.0.1        why does curl on the node itself not work?
  sudo routemesh trace 8080 --json | jq .verdict
  sudo routemesh trace 8080 --live                  what becomes of the next connection?

Exit codes: 0 it leads to a task and back, 1 it ends before (or failed; with --live: or nobody
came), 64 wrong usage.`,
    action: async (settings, { json, argument, from, own }, output) =>
      (await import('./trace.js')).runTrace(settings, { json, port: argument, from, live: own.live === true, timeout: textIn(own, 'timeout') }, output),
  },
  {
    name: 'top',
    summary: 'show connections, bytes and packets as they flow',
    description: `Connections per second, active connections, bytes and packets per second, by published port or by real server, from IPVS's own counters in this node's sandbox; its rates are averages that the kernel makes anew every two seconds. Names come from the controller that runs here; without one there are numbers. Changes nothing. Needs root. Keys: q quit, s sort, p ports or real servers, arrows.`,
    json: 'print one JSON object on a line each time, with every counter',
    settings: ['sandbox', 'controlSocket', 'stateFolder'],
    options: [
      new Option('--once', 'print it once, also on a terminal'),
      new Option('--interval <SECONDS>', 'between two looks (default: 2)'),
      new Option('--count <N>', 'end after so many looks'),
      new Option('--sort <KEY>', 'connections (default), active, in, out, packets or name'),
      new Option('--per <WHAT>', 'port (default) or server: a line for each'),
    ],
    help: `Examples:
  sudo routemesh top
  sudo routemesh top --per server --sort out
  sudo routemesh top --once --json | jq '.ports[] | {port, connectionsPerSecond, active}'
  sudo routemesh top --json --interval 10 --count 6 >minute.ndjson

Exit codes: 0 fine, 1 failed (or nothing is served here), 64 wrong usage.`,
    action: async (settings, { json, own }, output) => (await import('./top.js')).runTop(settings, {
      json, once: own.once === true, interval: textIn(own, 'interval'), count: textIn(own, 'count'), sort: textIn(own, 'sort'), per: textIn(own, 'per'),
    }, output),
  },
  {
    name: 'compare',
    summary: "show this node's two meshes side by side",
    description: `Reads dockerd's ingress and ours from the kernel: chains and their order, sandboxes with addresses, settings and timeouts, and for each published port its mark, scheduler, source address and real servers with their weights. What differs is marked, and explained in one sentence. Changes nothing. Needs root.`,
    json: 'print all of both, and what differs and why, as JSON',
    settings: ['dockerSocket', 'gatewayBridge', 'sandbox', 'fabric', 'chain', 'stateFolder', 'controlSocket'],
    help: `Examples:
  sudo routemesh compare
  sudo routemesh compare --json | jq '.ports[] | {port, answering, sameServers}'
  sudo routemesh compare >/dev/null || echo "the meshes send to different tasks"

Exit codes: 0 the same real servers on each port that both serve, 2 other ones, 1 failed,
64 wrong usage.`,
    action: async (settings, { json }, output) => (await import('./compare.js')).runCompare(settings, json, output),
  },
  {
    name: 'switch',
    summary: 'move a service from one mesh to the other, live',
    description: `Sets the service's label routemesh.enabled on a Swarm manager and nothing else of it, so its tasks stay as they are. Every node's controller follows the label; this node's is waited for. New connections go to the other mesh, those that are open stay where they are until they end.`,
    json: 'print the label, and who answers each port before and after, as JSON',
    settings: ['dockerSocket', 'gatewayBridge', 'sandbox', 'fabric', 'chain', 'stateFolder', 'controlSocket'],
    arguments: [new Argument('<SERVICE>', 'name or id of a Docker service'), new Argument('<MESH>', 'who is to answer: dockerd or routemesh')],
    options: [
      new Option('--dry-run', 'only say what would change, and who answers now'),
      new Option('--no-wait', 'set the label and leave it at that'),
      new Option('--timeout <SECONDS>', 'how long to wait for this node (default: 60)'),
    ],
    help: `Examples:
  sudo routemesh switch web dockerd         dockerd's ingress answers
  sudo routemesh switch web routemesh       and ours again
  sudo routemesh switch web dockerd --dry-run --json | jq .ports

Exit codes: 0 done, 1 failed, or this node has not followed in time, 64 wrong usage.`,
    action: async (settings, { json, dryRun, words: [service = '', to = ''], own }, output) =>
      (await import('./switch.js')).runSwitch(settings, { service, to, json, dryRun, wait: own.wait !== false, timeout: textIn(own, 'timeout') }, output),
  },
  {
    name: 'doctor',
    summary: 'look for what is missing on this node, with remedies',
    description: `Checks the kernel's modules, tools, sysctls, privileges, Docker and its certificates, ports, MTU and the firewall. Changes nothing. Each finding is ok, warn or FAIL, and says what to do.`,
    json: 'print the findings as JSON',
    settings: configurationKeys,
    help: `Examples:
  sudo routemesh doctor
  sudo routemesh doctor --json | jq '.groups[].findings[] | select(.outcome == "fail")'

Exit codes: 0 nothing failed, 1 something did, 64 wrong usage.`,
    action: async (settings, { json }, output) => (await import('./doctor.js')).runDoctor(settings, json, output),
  },
  {
    name: 'cleanup',
    summary: 'remove everything of routemesh from this node',
    description: `Removes our namespaces, links, routes, rules, iptables chains and jumps, and puts back the sysctls that were changed. Published ports are dockerd's again; connections through the mesh end.`,
    json: 'print what was removed as JSON',
    settings: configurationKeys,
    options: [
      new Option('--dry-run', 'only say what would be removed'),
      new Option('--force', 'even while a controller runs (it would build everything again)'),
    ],
    help: `Examples:
  sudo routemesh cleanup --dry-run
  sudo systemctl stop routemesh && sudo routemesh cleanup

Exit codes: 0 nothing of ours is left, 1 failed or refused, 64 wrong usage.`,
    action: async (settings, flags, output) => (await import('./cleanup.js')).runCleanup(settings, flags, output),
  },
];

const widestHelp = 100;

export interface ProgramOptions {
  readonly output: Output;
  readonly environment: NodeJS.ProcessEnv;
  readonly error: (text: string) => void;
}

const machineOptions = (): ProgramOptions => ({
  output: standardOutput(),
  environment: process.env,
  error: (text) => { process.stderr.write(text); },
});

/** Runs what the words say; resolves with the exit code. Rejects with what a command failed by. */
export async function runProgram(words: readonly string[], options: ProgramOptions = machineOptions()): Promise<number> {
  let exitCode: number = exitCodes.fine;
  const program = createProgram(options, (code) => { exitCode = code; });
  try {
    if (words.length === 0) program.help({ error: true });
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.fine : exitCodes.usage;
    throw error;
  }
  return exitCode;
}

function createProgram({ output, environment, error }: ProgramOptions, onExit: (code: number) => void): Command {
  const program = new Command('routemesh')
    .description("Docker Swarm's ingress routing mesh without dockerd's part in it: any node, any published port, reaches a healthy task of the service, and the task sees the client's own address.")
    .version(readVersion(), '-V, --version')
    .helpCommand('help [command]', 'show the help of a command')
    .configureOutput({ writeOut: (text) => { output.write(text); }, writeErr: error, getOutHelpWidth: () => helpWidth(output), getErrHelpWidth: () => helpWidth(output) })
    .showHelpAfterError('See `routemesh --help`.')
    .exitOverride()
    .addHelpText('after', `
Settings come from flags, then ROUTEMESH_* variables, then ${defaultConfigurationPath}, then defaults;
\`routemesh run --help\` lists them.

Exit codes: 0 fine, 1 failed, 2 see the command, 64 wrong usage.`);
  for (const description of commands) {
    const command = program
      .command(description.name)
      .summary(description.summary)
      .description(description.description)
      .allowExcessArguments(false)
      .showHelpAfterError(`See \`routemesh ${description.name} --help\`.`)
      .addHelpText('after', `\n${description.help}`)
      .option('--json', description.json)
      .option('--config <FILE>', `configuration file (ROUTEMESH_CONFIG; default: ${defaultConfigurationPath})`);
    for (const argument of description.arguments ?? []) command.addArgument(argument);
    for (const option of description.options ?? []) command.addOption(option);
    for (const key of description.settings) command.addOption(settingOption(key));
    command.action(async () => {
      const flags = command.opts();
      const settings = await loadSettings({
        flags: settingFlags(flags),
        environment,
        configurationPath: typeof flags.config === 'string' ? flags.config : undefined,
      });
      onExit(await description.action(settings, commandFlags(flags, command.args), output));
    });
  }
  return program;
}

function commandFlags(flags: Record<string, unknown>, words: readonly string[]): Flags {
  const [argument = ''] = words;
  return { json: flags.json === true, force: flags.force === true, dryRun: flags.dryRun === true, from: textIn(flags, 'from'), argument, words, own: flags };
}

function textIn(flags: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = flags[name];
  return typeof value === 'string' ? value : undefined;
}

/** Lines of more than a hundred characters are hard to read, however wide the terminal is. */
function helpWidth({ columns }: Output): number {
  return Math.min(columns ?? widestHelp, widestHelp);
}

function settingOption(key: ConfigurationKey): Option {
  const { placeholder, help, default: byDefault } = optionDescriptions[key];
  return new Option(`${flagOf(key)} <${placeholder}>`, `${help} (${variableOf(key)}${byDefault === null ? '' : `; default: ${byDefault}`})`).helpGroup('Settings:');
}

/** Commander names `--gateway-subnet` gatewaySubnet, as the configuration does. */
function settingFlags(flags: Record<string, unknown>): Partial<Record<ConfigurationKey, string>> {
  return Object.fromEntries(configurationKeys.flatMap((key) => (typeof flags[key] === 'string' ? [[key, flags[key]]] : [])));
}
