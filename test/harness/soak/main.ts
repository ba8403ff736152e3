import { parseArgs } from 'node:util'
import { table } from '../../bench/table.js'
import { type Sample, soak } from './soak.js'

/** All pipelines together, with a fault every minute: `npm run harness:soak -- --minutes 60`. */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    every: { type: 'string', default: '60' },
    rate: { type: 'string', default: '4' },
    patience: { type: 'string', default: '300' },
  },
})
const say = (line: string): void =>
  void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)
const report = await soak({
  minutes: Number(values.minutes),
  every: Number(values.every),
  rate: Number(values.rate),
  patience: Number(values.patience) * 1000,
  say,
})
const { counted, faults, samples, falls, exitCodes, asked, answered, seconds } = report
const places = Object.entries(counted.places)
process.stdout.write(`${table(places.map(([where, place]) => ({ where, due: counted.due, ...place })))}\n\n`)

/** By thirds of the run, of processes that lived through it. */
const names = [...new Set(samples.map(({ name }) => name))]
const most = (part: readonly Sample[], of: 'own' | 'sockets' | 'files'): string =>
  [0, 1, 2]
    .map((third) =>
      part.slice(Math.floor((third * part.length) / 3), Math.floor(((third + 1) * part.length) / 3)),
    )
    .map((some) => Math.max(0, ...some.map((one) => one[of])).toFixed(0))
    .join(', ')
const rows = names.map((name) => {
  const own = samples.filter((one) => one.name === name)
  return {
    process: name,
    lives: new Set(own.map(({ pid }) => pid)).size,
    'MiB, most in each third': most(own, 'own'),
    sockets: most(own, 'sockets'),
    files: most(own, 'files'),
  }
})
process.stdout.write(`${table(rows)}\n\n`)
process.stdout.write(
  `${Object.entries(faults)
    .map(([name, n]) => `${n} × ${name}`)
    .join(', ')}\n`,
)
process.stdout.write(
  `${counted.deadLetters} dead letters; the page answered ${answered} of ${asked}; exit codes ${exitCodes.join(' ')}; ${seconds.toFixed(0)} s\n`,
)
for (const fall of falls) process.stdout.write(`fell: ${fall}\n`)
const isFine =
  places.every(([, { missing, doubled }]) => missing + doubled === 0) &&
  falls.length === 0 &&
  counted.deadLetters === 0
process.stdout.write(isFine ? 'zero lost, zero doubled\n' : 'NOT as it should be\n')
process.exitCode = isFine ? 0 : 1
