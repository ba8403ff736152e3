import type { Command } from 'commander'
import { s3Settings } from '../config/places.js'
import { readRules } from '../config/rules.js'
import { eventRecord } from '../connect/kafka/event-record.js'
import type { Event } from '../domain.js'
import { plural, printable } from './format.js'
import { keysOf } from './kafka-job.js'
import { noRules } from './rules.js'
import { addSettings, readSettings, SETTINGS_HELP } from './settings.js'
import { drainOnSignals } from './signals.js'

const EXAMPLES = `
Examples:
  stanflow events out --rules rules.yaml
  stanflow events s3://results/nightly --rules rules.yaml --json | jq -r 'select(.kind == "rule-closed") | .source'

Prints one line an episode; with --json one event a line, as the topic events has them, openings and closings.
`

export function addResultEventsCommand(program: Command): void {
  addSettings(program.command('events'), ['rules', 'json', ...keysOf('S3')])
    .description(
      'what rules make of the results of a backfill: when something began and ended, in which video',
    )
    .argument('<results>', 'the folder or s3:// prefix that backfill was given as --to')
    .addHelpText('after', SETTINGS_HELP)
    .addHelpText('after', EXAMPLES)
    .action((results: string, _options, command: Command) => run(results, command))
}

async function run(results: string, command: Command): Promise<void> {
  const { config } = await readSettings(command)
  if (config.rules === undefined) throw noRules()
  const rules = await readRules(config.rules)
  const { resultEvents } = await import('../../pipelines/result-events.js')
  const drain = drainOnSignals(() => undefined)
  const [episodes, sources] = [new Set<string>(), new Set<string>()]
  try {
    for await (const event of resultEvents({
      results,
      rules,
      s3: s3Settings(config),
      signal: drain.signal,
    })) {
      episodes.add(event.episodeId)
      sources.add(event.source)
      if (config.json) process.stdout.write(`${JSON.stringify(eventRecord(event))}\n`)
      else if (event.end !== null) process.stdout.write(`${printable(line(event, event.end))}\n`)
    }
  } finally {
    drain.release()
  }
  if (!config.json)
    process.stdout.write(`${plural(episodes.size, 'episode')} in ${plural(sources.size, 'video')}\n`)
}

function line({ source, rule, label, start, peak }: Event, end: number): string {
  return `${source}  ${start.toFixed(1)}–${end.toFixed(1)}s  ${rule}: ${label} ${(peak ?? 0).toFixed(2)}`
}
