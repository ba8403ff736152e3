import { type Command, Option } from 'commander'
import type { Removal } from '../../pipelines/index-moments.js'
import { s3Settings } from '../config/places.js'
import type { Config, ConfigKey } from '../config/schema.js'
import { StanflowError } from '../errors.js'
import { formatCount, plural, table } from './format.js'
import { keysOf } from './kafka-job.js'
import { addSettings, readSettings } from './settings.js'
import { age } from './times.js'

const KEYS: readonly ConfigKey[] = [...keysOf('S3'), 'json']

const DELETE_EXAMPLES = `
Examples:
  stanflow index delete --source "videos/2024-*" --to index
  stanflow index delete --older-than 30d --to index
  stanflow index delete --digest 6fd1 --to index
`

/** What is done with an index that is there: looking at its models, choosing one, deleting. */
export function addUpkeepCommands(index: Command): void {
  const to = (): Option => new Option('--to <place>', 'the index').helpGroup('Index:')
  const option = (flags: string, about: string): Option => new Option(flags, about).helpGroup('Index:')
  addSettings(index.command('models').addOption(to()), KEYS)
    .description('models that an index has clips of, and which one is searched')
    .action((_options, command: Command) => models(command))
  addSettings(index.command('use').addOption(to()), KEYS)
    .description('have searches use another model of an index')
    .argument('<digest>', 'how its digest begins')
    .action((digest: string, _options, command: Command) => use(digest, command))
  addSettings(
    index
      .command('delete')
      .addOption(to())
      .addOption(option('--source <name>', 'of sources so named, with * and ?; repeatable').argParser(gather))
      .addOption(
        option('--older-than <age>', 'such as 30d: shown, or for videos indexed, before').argParser(age),
      )
      .addOption(option('--digest <hex>', 'all of the model whose digest begins so')),
    KEYS,
  )
    .description('delete clips from an index, while others write to it and search')
    .addHelpText('after', DELETE_EXAMPLES)
    .action((_options, command: Command) => remove(command))
}

const gather = (next: string, before: readonly string[] = []): readonly string[] => [...before, next]

/** An option of a subcommand that the command above it has too is taken by that one. */
async function placeOf(
  command: Command,
): Promise<{ readonly at: { to: string; s3: ReturnType<typeof s3Settings> }; readonly config: Config }> {
  const { config } = await readSettings(command, ['to', 'source', 'olderThan', 'digest'])
  const { to = config.index } = command.optsWithGlobals<{ to?: string }>()
  if (to === undefined) {
    throw new StanflowError('USAGE_INVALID', 'There is no index.', { hint: 'Add --to INDEX.' })
  }
  return { at: { to, s3: s3Settings(config) }, config }
}

async function models(command: Command): Promise<void> {
  const { at, config } = await placeOf(command)
  const { indexModels } = await import('../../pipelines/index-moments.js')
  const rows = await indexModels(at)
  if (config.json) {
    process.stdout.write(`${JSON.stringify({ models: rows })}\n`)
    return
  }
  const lines = rows.map(({ digest, name, structure, precision, clips, searched }) => [
    ...[digest.slice(0, 12), [name, structure].filter(Boolean).join(' + '), precision ?? ''],
    ...[formatCount(clips), searched ? 'searched' : ''],
  ])
  process.stdout.write(
    `${table([['digest', 'model', 'precision', 'clips', ''], ...lines], [3]).join('\n')}\n`,
  )
}

async function use(beginning: string, command: Command): Promise<void> {
  const { at, config } = await placeOf(command)
  const { useModel } = await import('../../pipelines/index-moments.js')
  const { digest, name } = await useModel(at, beginning)
  const sentence = `searches use ${[name, digest.slice(0, 12)].filter(Boolean).join(', ')}`
  process.stdout.write(`${config.json ? JSON.stringify({ digest }) : sentence}\n`)
}

async function remove(command: Command): Promise<void> {
  const { at, config } = await placeOf(command)
  const { source, olderThan, digest } = command.optsWithGlobals<{
    source?: readonly string[]
    olderThan?: number
    digest?: string
  }>()
  const removal: Removal = {
    ...(source !== undefined && { sources: source }),
    ...(olderThan !== undefined && { olderThan }),
    ...(digest !== undefined && { digest }),
  }
  if (Object.keys(removal).length === 0) {
    throw new StanflowError('USAGE_INVALID', 'It is not said what to delete.', {
      hint: 'Add --source NAME, --older-than AGE or --digest HEX.',
    })
  }
  const { deleteMoments } = await import('../../pipelines/index-moments.js')
  const removed = await deleteMoments(at, removal)
  process.stdout.write(
    `${config.json ? JSON.stringify({ removed }) : `${plural(removed, 'clip')} deleted`}\n`,
  )
}
