import type { Command } from 'commander'
import type { TopicRow } from '../../pipelines/topics.js'
import { formatBytes, formatCount, formatDuration, table } from './format.js'
import { CLUSTER, kafkaOptions } from './kafka-job.js'
import { addSettings, readSettings } from './settings.js'

const CREATE_EXAMPLES = `
Examples:
  stanflow topics create
  stanflow topics create --brokers kafka-1:9092,kafka-2:9092 --partitions 48 --replicas 3
  stanflow topics create --registry http://registry:8081 --prefix cameras.

Topics that are there already stay as they are. With --registry the schemas are registered too.
`

const LIST_EXAMPLES = `
Examples:
  stanflow topics list
  stanflow topics list --json | jq -r '.[].topic'
`

export function addTopicsCommand(program: Command): void {
  const topics = program.command('topics').description("Kafka's topics: make them, see them")
  addSettings(topics.command('create'), [...CLUSTER, 'partitions', 'replicas', 'json'])
    .description('make the topics that are missing')
    .addHelpText('after', CREATE_EXAMPLES)
    .action((_options, command: Command) => create(command))
  addSettings(topics.command('list'), [...CLUSTER, 'json'])
    .description('what there is of the topics')
    .addHelpText('after', LIST_EXAMPLES)
    .action((_options, command: Command) => list(command))
}

async function create(command: Command): Promise<void> {
  const { config } = await readSettings(command)
  const { partitions, replicas, json } = config
  const { createTopics } = await import('../../pipelines/topics.js')
  const options = { ...(await kafkaOptions(config)), partitions, ...(replicas !== undefined && { replicas }) }
  const made = await createTopics(options)
  const text =
    made.length === 0 ? 'Every topic is there already.' : made.map((topic) => `made ${topic}`).join('\n')
  process.stdout.write(`${json ? JSON.stringify({ made }) : text}\n`)
}

async function list(command: Command): Promise<void> {
  const { config } = await readSettings(command)
  const { listTopics } = await import('../../pipelines/topics.js')
  const rows = await listTopics(await kafkaOptions(config))
  if (config.json) process.stdout.write(`${JSON.stringify(rows)}\n`)
  else process.stdout.write(`${table([HEAD, ...rows.map(cells)], [1, 2, 3]).join('\n')}\n`)
}

const HEAD = ['topic', 'partitions', 'replicas', 'offsets', 'keeps', 'largest']

function cells({ topic, partitions, replicas, records = 0, config = {} }: TopicRow): string[] {
  if (partitions === undefined) return [topic, '-', '-', '-', 'missing: stanflow topics create']
  const { 'cleanup.policy': policy, 'retention.ms': retention, 'max.message.bytes': largest } = config
  const forever = policy === 'compact' || Number(retention) < 0
  const keeps = forever ? 'the last of each key' : formatDuration(Number(retention) / 1000)
  return [
    ...[topic, String(partitions), String(replicas), formatCount(records)],
    ...[keeps, formatBytes(Number(largest))],
  ]
}
