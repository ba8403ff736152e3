import { parseArgs } from 'node:util'
import { table } from '../../bench/table.js'
import { latency } from './latency.js'
import { overload } from './overload.js'
import { soak } from './soak.js'
import { split } from './split.js'

/**
 * What `stanflow ingest` does with real cameras and a real broker: `npm run harness:ingest -- latency`, `soak`, `overload` or
 * `split`; all of them, where none is named.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cameras: { type: 'string' },
    seconds: { type: 'string' },
    minutes: { type: 'string', default: '20' },
    flap: { type: 'string', default: '20' },
    model: { type: 'string' },
    load: { type: 'string', default: '2' },
    overlap: { type: 'string', default: '1' },
  },
})
const whole = (text: string | undefined, standard: number): number =>
  text === undefined ? standard : Number(text)
const say = (line: string): void =>
  void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)
const print = (line: string): void => void process.stdout.write(`${line}\n`)
const asked = (name: string): boolean => positionals.length === 0 || positionals.includes(name)
const seconds = (value: number): string => `${value.toFixed(2)} s`
let isFine = true

if (asked('latency')) {
  const counts = values.cameras === undefined ? [1, 4, 8] : values.cameras.split(',').map(Number)
  const rows = []
  for (const cameras of counts) {
    say(`latency, ${cameras} cameras`)
    const row = await latency({
      cameras,
      seconds: whole(values.seconds, 60),
      model: values.model ?? 'default',
    })
    rows.push({ ...row, p50: seconds(row.p50), p99: seconds(row.p99), most: seconds(row.most) })
  }
  print(table(rows))
}
if (asked('overload')) {
  say('overload')
  const report = await overload({
    cameras: whole(values.cameras, 8),
    seconds: whole(values.seconds, 60),
    model: values.model ?? 'random:vit-b-32',
    load: Number(values.load),
    overlap: Number(values.overlap),
    say,
  })
  const { early, late, spread, load, isAccounted, ...counts } = report
  print(`${load.toFixed(2)} times the load that was taken: ${JSON.stringify(counts)}`)
  print(
    `from last frame to result: p50 ${seconds(early.p50)}, p99 ${seconds(early.p99)} in the first half; p50 ${seconds(late.p50)}, p99 ${seconds(late.p99)} in the second`,
  )
  print(
    `cameras differ by ${(spread * 100).toFixed(1)} %; ${isAccounted ? 'every clip is accounted for' : 'CLIPS ARE UNACCOUNTED FOR'}`,
  )
  isFine &&= isAccounted && spread <= 0.1
}
if (asked('soak')) {
  const { summary, samples, stored, twice, flaps, gaps, exitCode, leftOver } = await soak({
    ...{ cameras: whole(values.cameras, 8), minutes: Number(values.minutes), flap: Number(values.flap), say },
  })
  const rows = summary.cameras.map(({ camera, frames, cut, delivered, dropped, widened, still, drops }) => {
    const topic = stored.get(`camera:${camera}`) ?? 0
    return { camera, frames, cut, delivered, dropped, still, widened, drops, topic }
  })
  print(table(rows))
  const thirds = [1, 2, 3].map((n) =>
    samples.slice(Math.floor(((n - 1) * samples.length) / 3), Math.floor((n * samples.length) / 3)),
  )
  const most = (part: typeof samples, of: 'own' | 'processes' | 'sockets' | 'files'): string =>
    Math.max(...part.map((one) => one[of])).toFixed(0)
  for (const of of ['own', 'processes', 'sockets', 'files'] as const) {
    print(
      `${of === 'own' ? 'MiB' : of}, most in each third: ${thirds.map((part) => most(part, of)).join(', ')}`,
    )
  }
  const sums = rows.every(
    ({ cut, delivered, dropped, still, topic }) => cut === delivered + dropped + still && topic === delivered,
  )
  print(
    `${flaps} flaps, ${gaps} gaps told, ${twice} clips twice, exit code ${exitCode}, ${leftOver} processes left; ${sums ? 'sums match' : 'SUMS DO NOT MATCH'}`,
  )
  isFine &&= sums && twice === 0 && leftOver === 0 && exitCode === 0
}
if (asked('split')) {
  const report = await split({
    cameras: whole(values.cameras, 4),
    seconds: whole(values.seconds, 60),
    killEvery: 12,
    say,
  })
  print(JSON.stringify(report))
  const exact = report.once === report.clips && report.twice + report.strange === 0
  print(exact ? 'exactly one result a clip' : 'NOT exactly one result a clip')
  isFine &&= exact
}
process.exitCode = isFine ? 0 : 1
