import type { Command } from 'commander'
import type { RulesOptions, RulesSummary } from '../../pipelines/rules.js'
import { readRules } from '../config/rules.js'
import type { ConfigKey } from '../config/schema.js'
import { StanflowError } from '../errors.js'
import { plural } from './format.js'
import { CLUSTER, kafkaOptions } from './kafka-job.js'
import { addSettings, readSettings, SETTINGS_HELP } from './settings.js'
import { drainOnSignals } from './signals.js'
import { watched } from './watched.js'

const KEYS: readonly ConfigKey[] = [
  ...CLUSTER,
  ...(['group', 'sessionTimeout', 'attempts', 'listen', 'rules', 'json'] as const),
]

const EXAMPLES = `
Examples:
  stanflow rules --rules rules.yaml
  stanflow rules --brokers kafka:9092 --rules rules.yaml --listen 127.0.0.1:9466 &  stanflow tail events

rules.yaml holds a list:
  - {name: fall, label: a person falls, threshold: 0.6, open-after: 2, close-after: 3, sources: "camera:*"}

Reads the topic labels and writes the topic events, each event exactly once, whoever is killed when. As many as there are
partitions share the work. All that a rule can say is in docs/events.md.
`

export function addRulesCommand(program: Command): void {
  addSettings(program.command('rules'), KEYS)
    .description('open and close events by the labels of their topic')
    .addHelpText('after', SETTINGS_HELP)
    .addHelpText('after', EXAMPLES)
    .action((_options, command: Command) => run(command))
}

async function run(command: Command): Promise<void> {
  const { config } = await readSettings(command)
  const { prefix, sessionTimeout, attempts } = config
  if (config.rules === undefined) throw noRules()
  const { rules } = await import('../../pipelines/rules.js')
  const { groupName } = await import('../../pipelines/kafka.js')
  const options: RulesOptions = {
    ...(await kafkaOptions(config)),
    ...{ sessionTimeout, attempts, rules: await readRules(config.rules) },
    group: config.group ?? groupName(prefix, 'rules'),
  }
  const drain = drainOnSignals(() => undefined)
  try {
    const summary = await watched('rules', config, ({ log, metrics, ready, waiting }) =>
      rules(options, { signal: drain.signal, log, metrics, onReady: ready, onWaiting: waiting }),
    )
    process.stdout.write(`${config.json ? JSON.stringify(summary) : text(summary)}\n`)
  } finally {
    drain.release()
  }
}

/** For commands that do nothing without. */
export function noRules(): StanflowError {
  return new StanflowError('USAGE_INVALID', 'There are no rules.', {
    hint: 'Add --rules rules.yaml; docs/events.md says what it holds.',
  })
}

function text({ clips, events, deadLetters }: RulesSummary): string {
  return [plural(clips, 'clip'), plural(events, 'event'), plural(deadLetters, 'dead letter')].join(', ')
}
