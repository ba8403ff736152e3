import { parseArgs } from 'node:util'
import { table } from '../../bench/table.js'
import { type DoorReport, isClean, type PlantedFault } from './door.js'
import { DOORS } from './doors.js'

/**
 * Hostile input at every door: `npm run harness:fuzz`, `-- --door videos --mutants 2000 --seed 7`, or with
 * `--plant crash|hang|memory|unnamed|neighbour` to see that it finds what is there.
 */
const { values } = parseArgs({
  options: {
    door: { type: 'string', multiple: true },
    mutants: { type: 'string' },
    seed: { type: 'string', default: '1' },
    short: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    keep: { type: 'string' },
    plant: { type: 'string' },
  },
})
const say = (line: string): void =>
  void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)
const unknown = (values.door ?? []).filter((asked) => !DOORS.some(({ name }) => name.startsWith(asked)))
if (unknown.length > 0) {
  say(`There is no door ${unknown.join(', ')}; there are ${DOORS.map(({ name }) => name).join(', ')}.`)
  process.exit(2)
}
const reports: DoorReport[] = []
for (const door of DOORS) {
  if (values.door !== undefined && !values.door.some((asked) => door.name.startsWith(asked))) continue
  const mutants =
    values.mutants === undefined ? (values.short ? door.short : door.standard) : Number(values.mutants)
  say(`${door.name}: ${mutants} mutants`)
  const report = await door.run({
    ...{ mutants, seed: Number(values.seed), say },
    ...(values.plant !== undefined && { planted: values.plant as PlantedFault }),
    ...(values.keep !== undefined && { keep: values.keep }),
  })
  for (const finding of report.findings) say(finding)
  reports.push(report)
}
const rows = reports.map(({ findings: _, mostMiB, worstMiB, ...row }) => ({
  ...row,
  worstMiB: Math.round(worstMiB),
  mostMiB,
}))
process.stdout.write(values.json ? `${JSON.stringify(reports, null, 2)}\n` : `${table(rows)}\n`)
const isFine = reports.every(isClean)
if (!values.json) process.stdout.write(isFine ? 'nothing got through\n' : 'SOMETHING GOT THROUGH\n')
process.exitCode = isFine ? 0 : 1
