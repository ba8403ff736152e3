import { type Command, InvalidArgumentError, Option } from 'commander'
import { plural, printable } from './format.js'
import { CLUSTER, kafkaOptions } from './kafka-job.js'
import { addSettings, readSettings } from './settings.js'
import { drainOnSignals } from './signals.js'

const EXAMPLES = `
Examples:
  stanflow retry --dry-run
  stanflow retry
  stanflow retry --max 10

Dead letters go back to the topic they came from, each exactly once; which were sent is remembered by the group.
What its topic cannot take is left out: inputs of more than 10 MiB unpacked, of which letters keep the beginning.
`

export function addRetryCommand(program: Command): void {
  const max = new Option('--max <n>', 'end after so many dead letters').argParser((text) => {
    if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.')
    return Number(text)
  })
  addSettings(program.command('retry').addOption(max), [
    ...CLUSTER,
    'group',
    'sessionTimeout',
    'dryRun',
    'json',
  ])
    .description('send dead letters to their topics again')
    .addHelpText('after', EXAMPLES)
    .action((_options, command: Command) => run(command))
}

async function run(command: Command): Promise<void> {
  const { config } = await readSettings(command)
  const { max } = command.opts<{ max?: number }>()
  const { dryRun, json, prefix, sessionTimeout } = config
  const { retry } = await import('../../pipelines/retry.js')
  const { groupName } = await import('../../pipelines/kafka.js')
  const drain = drainOnSignals(() => undefined)
  try {
    const options = {
      ...(await kafkaOptions(config)),
      ...{ dryRun, sessionTimeout, group: config.group ?? groupName(prefix, 'retry') },
      ...(max !== undefined && { max }),
    }
    let left = 0
    const count = await retry(options, {
      onLeftOut: (letter) => {
        left++
        const text = `left out ${letter.key ?? '-'} of ${letter.topic}: ${letter.reason} (${letter.code}, ${letter.message})`
        process.stdout.write(`${json ? JSON.stringify({ event: 'left-out', ...letter }) : printable(text)}\n`)
      },
      signal: drain.signal,
      onRetried: (letter) => {
        const { key, topic, code, message, attempts } = letter
        const text = `${dryRun ? 'would send' : 'sent'} ${key ?? '-'} to ${topic}: ${code}, ${message} (attempt ${attempts})`
        process.stdout.write(`${json ? JSON.stringify({ event: 'retried', ...letter }) : printable(text)}\n`)
      },
    })
    const rest = left === 0 ? '' : `, ${left} left out`
    const text = `${plural(count, 'dead letter')} ${dryRun ? 'would be sent' : 'sent'} again${rest}`
    process.stdout.write(`${json ? JSON.stringify({ event: 'done', count, leftOut: left, dryRun }) : text}\n`)
  } finally {
    drain.release()
  }
}
