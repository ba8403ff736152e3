import type { Command } from 'commander'
import type { Diagnosis } from '../../pipelines/doctor.js'
import type { Finding } from '../../pipelines/finding.js'
import { s3Settings } from '../config/places.js'
import type { ConfigKey } from '../config/schema.js'
import type { EngineReport } from '../engine/engine.js'
import { printable, table } from './format.js'
import { CLUSTER, kafkaOptions, keysOf } from './kafka-job.js'
import { addSettings, readSettings } from './settings.js'

const EXAMPLES = `
Examples:
  stanflow doctor
  stanflow doctor s3://archive/cameras --brokers kafka-1:9092 --registry http://registry:8081
  stanflow doctor --json | jq '.engines[] | select(.available)'
`

const KEYS: readonly ConfigKey[] = [...CLUSTER, ...keysOf('S3'), 'json']

export function addDoctorCommand(program: Command): void {
  addSettings(program.command('doctor'), KEYS)
    .description('show what this machine has for stanflow, and what to do about what is missing')
    .argument('[places...]', 's3://bucket/prefix, to see whether they can be reached')
    .addHelpText('after', EXAMPLES)
    .action(async (places: string[], _options, command: Command) => {
      const { config } = await readSettings(command)
      const { diagnose } = await import('../../pipelines/doctor.js')
      const servers = { ...(await kafkaOptions(config)), s3: s3Settings(config), places }
      const diagnosis = await diagnose(servers)
      process.stdout.write(config.json ? `${JSON.stringify(diagnosis, null, 2)}\n` : `${text(diagnosis)}\n`)
    })
}

function text({ machine, engines, auto, readers, kafkaClients, servers }: Diagnosis): string {
  const choices = Object.entries(auto).map((choice): readonly string[] => choice)
  return [
    ...section('Machine', machine.map(row)),
    ...section('Engines', engines.map(engineRow)),
    ...section('--engine auto takes', choices.length === 0 ? [['nothing: no engine works here']] : choices),
    ...section('Readers', readers.map(row)),
    ...section('Kafka clients', kafkaClients.map(row)),
    ...section('Servers', servers.map(row)),
    ...hints([...machine, ...engines.map(asFinding), ...readers, ...servers]),
  ].join('\n')
}

const mark = (ok: boolean): string => (ok ? 'ok' : '--')
const row = ({ name, ok, detail }: Finding): readonly string[] => [mark(ok), name, printable(detail)]

function engineRow({ engine, device, available, precisions, detail }: EngineReport): readonly string[] {
  return [mark(available), `${engine} on ${device}`, precisions.join(' '), printable(detail)]
}

function asFinding({ engine, device, available, detail, hint }: EngineReport): Finding {
  return { name: `${engine} on ${device}`, ok: available, detail, ...(hint !== undefined && { hint }) }
}

function section(title: string, rows: readonly (readonly string[])[]): string[] {
  return [title, ...indented(rows), '']
}

const indented = (rows: readonly (readonly string[])[]): string[] => table(rows).map((line) => `  ${line}`)

function hints(findings: readonly Finding[]): string[] {
  const missing = findings.filter(({ ok, hint }) => !ok && hint !== undefined)
  if (missing.length === 0) return ['Nothing is missing.']
  return ['What to do', ...indented(missing.map(({ name, hint = '' }) => [name, printable(hint)]))]
}
