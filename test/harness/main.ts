import { parseArgs } from 'node:util'
import { table } from '../bench/table.js'
import { exactlyOnce, type HarnessOptions, isExact } from './exactly-once.js'

/** The whole harness: `npm run harness`, or with `-- --unsafe` to see that it can fail. */
const { values } = parseArgs({
  options: {
    clips: { type: 'string', default: '1950' },
    videos: { type: 'string', default: '50' },
    consumers: { type: 'string', default: '3' },
    kills: { type: 'string', default: '30' },
    'kill-every': { type: 'string', default: '6000' },
    'broker-kills': { type: 'string', default: '2' },
    zombies: { type: 'string', default: '2' },
    partitions: { type: 'string', default: '6' },
    seed: { type: 'string', default: '7' },
    client: { type: 'string', default: 'kafkajs' },
    patience: { type: 'string', default: '900' },
    verbose: { type: 'boolean', default: false },
    unsafe: { type: 'boolean', default: false },
  },
})
const number = (text: string): number => Number(text)
const options: HarnessOptions = {
  clips: number(values.clips),
  videos: number(values.videos),
  consumers: number(values.consumers),
  kills: number(values.kills),
  killEvery: number(values['kill-every']),
  brokerKills: number(values['broker-kills']),
  zombies: number(values.zombies),
  cuts: ['refused', '503', 'hang'],
  partitions: number(values.partitions),
  client: values.client === 'confluent' ? 'confluent' : 'kafkajs',
  unsafe: values.unsafe,
  seed: number(values.seed),
  patience: number(values.patience) * 1000,
  say: (line) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`),
}
const report = await exactlyOnce(options)
const places = ['asked', 'embeddings', 'labels', 'parquetEmbeddings', 'parquetLabels'] as const
const rows = places.map((place) => {
  const { doubled, ...tally } = report[place]
  if (doubled.length > 0) process.stderr.write(`${place} twice: ${doubled.join(', ')}\n`)
  return { where: place, due: report.due, ...tally }
})
const { fleet, brokerKills, cuts, zombies, deadLetters, exitCodes, seconds } = report
process.stdout.write(`${table(rows)}\n`)
process.stdout.write(
  `${fleet.kills} kill -9, ${brokerKills} of the broker, ${cuts} cuts of S3, ${zombies} zombies, ` +
    `${fleet.assignments} assignments, ${fleet.lost} partitions taken up anew, ${fleet.fell} fell by themselves, ` +
    `${deadLetters} dead letters, exit codes ${exitCodes.join(' ')}, ${seconds.toFixed(0)} s\n`,
)
for (const fall of report.falls) process.stderr.write(`${fall}\n`)
process.stdout.write(isExact(report) ? 'exactly once\n' : 'NOT exactly once\n')
if (values.verbose) process.stderr.write(`${report.said.join('\n')}\n`)
if (isExact(report) === values.unsafe) process.exitCode = 1
