import { type Command, Option } from 'commander'
import type { Diagnosis, Finding } from '../../pipelines/doctor.js'
import type { EngineReport } from '../engine/engine.js'
import { printable, table } from './format.js'

const EXAMPLES = `
Examples:
  stanflow doctor
  stanflow doctor --json | jq '.engines[] | select(.available)'
`

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('show what this machine has for stanflow, and what to do about what is missing')
    .addOption(new Option('--json', 'one JSON document'))
    .addHelpText('after', EXAMPLES)
    .action(async (_options, command: Command) => {
      const { diagnose } = await import('../../pipelines/doctor.js')
      const diagnosis = await diagnose()
      const { json } = command.opts<{ json?: boolean }>()
      process.stdout.write(json ? `${JSON.stringify(diagnosis, null, 2)}\n` : `${text(diagnosis)}\n`)
    })
}

function text({ machine, engines, auto, readers }: Diagnosis): string {
  const choices = Object.entries(auto).map((choice): readonly string[] => choice)
  return [
    ...section('Machine', machine.map(row)),
    ...section('Engines', engines.map(engineRow)),
    ...section('--engine auto takes', choices.length === 0 ? [['nothing: no engine works here']] : choices),
    ...section('Readers', readers.map(row)),
    ...hints([...machine, ...engines.map(asFinding), ...readers]),
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
