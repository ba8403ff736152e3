import { type Command, Option } from 'commander'
import { type Resolved, resolveConfig } from '../config/resolve.js'
import {
  CONFIG_KEYS,
  type ConfigKey,
  DEFAULTS,
  type Group,
  type KeyInfo,
  showValue,
} from '../config/schema.js'

/** What a backfill does without. */
const ELSEWHERE: readonly Group[] = ['Cameras', 'Kafka', 'Search', 'Server', 'Alerts', 'Events']

/** Gives a command the flags of these configuration keys (by default all that a backfill has), and `--config`. */
export function addSettings(command: Command, keys?: readonly ConfigKey[]): Command {
  for (const key of CONFIG_KEYS) {
    if (keys === undefined ? ELSEWHERE.includes(key.group) : !keys.includes(key.key)) continue
    for (const option of optionsOf(key)) command.addOption(option)
  }
  return command
    .addOption(
      new Option(
        '--config <file>',
        'read settings from this file (default: $STANFLOW_CONFIG, else ./stanflow.yaml)',
      ).helpGroup('Run:'),
    )
    .addHelpOption(new Option('-h, --help', 'show this help').helpGroup('Run:'))
}

/**
 * What flags, environment and `stanflow.yaml` say together. `own`: flags that mean something else to this command than the
 * key of their name. @throws StanflowError USAGE_INVALID, CONFIG_INVALID
 */
export function readSettings(command: Command, own: readonly string[] = []): Promise<Resolved> {
  // A flag that the command above has too is taken by that one.
  const { config: file, ...given } = command.optsWithGlobals()
  const flags = Object.fromEntries(Object.entries(given).filter(([name]) => !own.includes(name)))
  return resolveConfig({
    flags,
    env: process.env,
    cwd: process.cwd(),
    ...(typeof file === 'string' && { file }),
  })
}

function optionsOf(key: KeyInfo): readonly Option[] {
  const value = key.placeholder === undefined ? '' : ` <${key.placeholder}>`
  const option = new Option(`${key.flag}${value}`, describe(key)).helpGroup(`${key.group}:`)
  if (key.repeatable) option.argParser((next: string, before: readonly string[] = []) => [...before, next])
  if (key.placeholder !== undefined) return [option]
  // A switch that the environment or the file turned on can be turned off.
  return [option, new Option(`--no-${key.name}`).hideHelp()]
}

function describe(key: KeyInfo): string {
  if (key.placeholder === undefined) return key.about
  const standard = DEFAULTS[key.key] === undefined ? key.unset : showValue(key, DEFAULTS)
  return standard === undefined ? key.about : `${key.about} (default: ${standard})`
}

export const SETTINGS_HELP = `
Every option can also be set in ./stanflow.yaml ("batch: 16") and in the environment (STANFLOW_BATCH=16); flags
win over the environment, which wins over the file. A switch is turned off with --no-…, such as --no-strict.`
