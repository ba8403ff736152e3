import { type Command, InvalidArgumentError, Option } from 'commander'
import type { TailRecord } from '../../pipelines/tail.js'
import { TOPIC_NAMES, type TopicName } from '../connect/kafka/topics.js'
import { StanflowError } from '../errors.js'
import { printable } from './format.js'
import { CLUSTER, kafkaOptions } from './kafka-job.js'
import { addSettings, readSettings } from './settings.js'
import { drainOnSignals } from './signals.js'

const EXAMPLES = `
Examples:
  stanflow tail
  stanflow tail labels --from beginning --max 10
  stanflow tail dead-letter --from beginning --until-end
  stanflow tail embeddings --json | jq -r '.value.clip_id'
`

export function addTailCommand(program: Command): void {
  const from = new Option('--from <where>', 'where to begin').choices(['now', 'beginning']).default('now')
  const max = new Option('--max <n>', 'end after so many records').argParser(atLeastOne)
  const end = new Option('--until-end', 'end once what is there by now has been shown')
  const tail = program.command('tail').addOption(from).addOption(max).addOption(end)
  addSettings(tail, [...CLUSTER, 'json'])
    .description('show records of topics as they come')
    .argument('[topics...]', `${TOPIC_NAMES.join(', ')} (default: labels, dead-letter)`)
    .addHelpText('after', EXAMPLES)
    .action((topics: string[], _options, command: Command) => run(topics, command))
}

function atLeastOne(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.')
  return Number(text)
}

async function run(given: readonly string[], command: Command): Promise<void> {
  const { config } = await readSettings(command)
  const {
    from,
    max,
    untilEnd = false,
  } = command.opts<{ from: 'now' | 'beginning'; max?: number; untilEnd?: boolean }>()
  const topics =
    given.length === 0
      ? (['labels', 'dead-letter'] as const)
      : given.map((name) => topicOf(name, config.prefix))
  const drain = drainOnSignals(() => undefined)
  try {
    const { tail } = await import('../../pipelines/tail.js')
    const options = {
      ...(await kafkaOptions(config)),
      topics,
      from,
      toEnd: untilEnd,
      ...(max !== undefined && { max }),
    }
    for await (const record of tail(options, drain.signal)) {
      process.stdout.write(`${config.json ? JSON.stringify(json(record)) : line(record)}\n`)
    }
  } finally {
    drain.release()
  }
}

function topicOf(given: string, prefix: string): TopicName {
  const short = given.startsWith(prefix) ? given.slice(prefix.length) : given
  const name = TOPIC_NAMES.find((one) => one === short)
  if (name !== undefined) return name
  throw new StanflowError('USAGE_INVALID', `There is no topic "${given}".`, {
    hint: `Choose from ${TOPIC_NAMES.join(', ')}.`,
  })
}

/** Bytes as base64. */
function json(record: TailRecord): object {
  return JSON.parse(
    JSON.stringify(record, (_key, value: unknown) => {
      const { type, data } = (value ?? {}) as { type?: unknown; data?: unknown }
      return type === 'Buffer' && Array.isArray(data) ? Buffer.from(data).toString('base64') : value
    }),
  ) as object
}

function line(record: TailRecord): string {
  return printable(
    `${record.time.slice(11, 19)} ${record.name.padEnd(11)} ${record.key ?? '-'}  ${summary(record)}`,
  )
}

const span = (value: { start?: unknown; end?: unknown }): string =>
  `${Number(value.start).toFixed(1)}–${Number(value.end).toFixed(1)}s`

/** What matters of a value, in one line. */
function summary({ name, value }: TailRecord): string {
  if (value === null) return '(deleted)'
  const fields = value as Readonly<Record<string, unknown>>
  if (typeof fields.error === 'string') return `${fields.error}: ${String(fields.message)}`
  switch (name) {
    case 'labels': {
      const labels = fields.labels as readonly { readonly label: string; readonly score: number }[]
      return `${span(fields)}  ${labels.map(({ label, score }) => `${label} ${score.toFixed(2)}`).join(', ')}`
    }
    case 'embeddings':
      return `${span(fields)}  clip ${String(fields.clip_id)}, ${String(fields.dim)} dimensions`
    case 'clips':
      return `${span(fields)}  ${(fields.frames as readonly unknown[]).length} pictures`
    case 'videos':
      return `${String(fields.uri)}`
    case 'dead-letter':
      return `${String(fields.code)}: ${String(fields.message)} (from ${String(fields.topic)}, attempt ${String(fields.attempts)})`
    default:
      return JSON.stringify(value)
  }
}
