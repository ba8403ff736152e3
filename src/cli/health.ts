import { type Command, Option } from 'commander'
import { StanflowError } from '../errors.js'
import { printable } from './format.js'
import { addSettings, readSettings } from './settings.js'

const EXAMPLES = `
Examples:
  stanflow health                       what STANFLOW_LISTEN names, on this machine
  stanflow health 10.0.0.7:9464 --ready
  stanflow health --listen :9464 --json

For health checks of containers, which have no curl: exit status 0 where all is well, 1 where it is not.
`

interface Flags {
  readonly ready?: boolean
  readonly ifAny?: boolean
  readonly timeout: string
}

export function addHealthCommand(program: Command): void {
  const command = program
    .command('health')
    .argument('[address]', 'host:port that a command was given as --listen')
    .addOption(new Option('--ready', 'ask /readyz, not /healthz: does it take work?'))
    .addOption(new Option('--if-any', 'nobody listening is well too, as with a job that serves no status'))
    .addOption(new Option('--timeout <seconds>', 'for the answer').default('3'))
  addSettings(command, ['listen', 'json'])
    .description('ask a running stanflow command whether it is well')
    .addHelpText('after', EXAMPLES)
    .action((address: string | undefined, _options, command: Command) => run(address, command))
}

async function run(address: string | undefined, command: Command): Promise<void> {
  const { config } = await readSettings(command)
  const { ready = false, ifAny = false, timeout } = command.opts<Flags>()
  const seconds = Number(timeout)
  if (!(seconds > 0 && seconds <= 600)) {
    throw new StanflowError('USAGE_INVALID', '--timeout must be a number of seconds, 600 at most.')
  }
  const url = `http://${reachable(address ?? config.listen)}/${ready ? 'readyz' : 'healthz'}`
  const { isWell, said } = await ask(url, seconds, ifAny)
  if (!isWell) throw new StanflowError('UNHEALTHY', `${url}: ${printable(said)}`)
  process.stdout.write(`${config.json ? JSON.stringify({ url, said }) : printable(said)}\n`)
}

/** Where others reach what listens there: every address of a machine is reached by its own. @throws USAGE_INVALID */
function reachable(listen: string | undefined): string {
  const [, host, port] = /^(?:http:\/\/)?(.*):(\d{1,5})\/?$/.exec(listen?.trim() ?? '') ?? []
  if (host === undefined || port === undefined) {
    throw new StanflowError('USAGE_INVALID', 'There is no address to ask.', {
      hint: 'Give host:port, or set STANFLOW_LISTEN as for the command that is asked.',
    })
  }
  const isEvery = host === '' || host === '0.0.0.0' || host === '[::]' || host === '::'
  return `${isEvery ? '127.0.0.1' : host}:${port}`
}

async function ask(url: string, seconds: number, ifAny: boolean): Promise<{ isWell: boolean; said: string }> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(seconds * 1000), redirect: 'error' })
    return { isWell: response.ok, said: (await response.text()).trim().slice(0, 500) }
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException
    if (code === 'ECONNREFUSED') return { isWell: ifAny, said: 'nobody listens' }
    const isLate = error instanceof Error && error.name === 'TimeoutError'
    return { isWell: false, said: isLate ? `no answer within ${seconds} s` : (code ?? String(error)) }
  }
}
