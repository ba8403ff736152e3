import type { Command } from 'commander'
import { originName } from '../config/resolve.js'
import { CONFIG_KEYS, HIDDEN, showValue } from '../config/schema.js'
import { printable, table } from './format.js'
import { addSettings, readSettings, SETTINGS_HELP } from './settings.js'

const EXAMPLES = `
Examples:
  stanflow config print
  STANFLOW_BATCH=16 stanflow config print --frames 64
  stanflow config print --config nightly.yaml --json
`

export function addConfigCommand(program: Command): void {
  const config = program.command('config').description('show the configuration')
  const all = CONFIG_KEYS.map(({ key }) => key)
  addSettings(config.command('print', { isDefault: true }), all)
    .description('print every setting, its value and where the value came from')
    .addHelpText('after', SETTINGS_HELP)
    .addHelpText('after', EXAMPLES)
    .action((_options, command: Command) => print(command))
}

async function print(command: Command): Promise<void> {
  const { config, origins } = await readSettings(command)
  if (config.json) {
    const entries = CONFIG_KEYS.map(({ key, name, secret }) => {
      const { kind: origin, ...where } = origins[key]
      const value = config[key] === undefined ? null : secret === true ? HIDDEN : config[key]
      return [name, { value, origin, ...where }]
    })
    process.stdout.write(`${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`)
    return
  }
  const rows = CONFIG_KEYS.map((key) => [
    key.name,
    printable(showValue(key, config)),
    `← ${originName(origins[key.key])}`,
  ])
  process.stdout.write(`${table(rows).join('\n')}\n`)
}
