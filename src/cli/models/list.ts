import type { Command } from 'commander'
import { formatBytes, formatCount, printable, table } from '../format.js'

const EXAMPLES = `
Examples:
  stanflow models list
  stanflow models list --json | jq -r '.models[] | select(.kind == "pulled") | .pulled.folder'
`

interface Flags {
  readonly cache?: string
  readonly json?: boolean
}

export function addListCommand(models: Command): void {
  models
    .command('list')
    .description('show the models that are here: embedded ones, and those that were pulled')
    .option(
      '--cache <folder>',
      'where pulled models are kept (default: STANFLOW_CACHE, else the cache folder of the user)',
    )
    .option('--json', 'print them as JSON')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', EXAMPLES)
    .action(run)
}

async function run({ cache: wanted, json }: Flags): Promise<void> {
  const { listModels } = await import('../../../pipelines/models.js')
  const { cache, models } = listModels({ cache: wanted })
  if (json) {
    process.stdout.write(`${JSON.stringify({ cache, models })}\n`)
    return
  }
  const rows = models.map(({ name, structure, parameters, bytes, sha256, pulled }) => [
    printable(name),
    structure,
    formatCount(parameters),
    bytes === 0 ? 'from a seed' : formatBytes(bytes),
    sha256?.slice(0, 12) ?? '',
    pulled === undefined ? 'embedded' : `${pulled.commit.slice(0, 12)}, ${pulled.at.slice(0, 10)}`,
  ])
  const head = ['model', 'structure', 'parameters', 'size', 'sha256', 'from']
  const lines = [...table([head, ...rows], [2, 3]), '', `pulled models are in ${printable(cache)}`]
  process.stdout.write(`${lines.join('\n')}\n`)
}
