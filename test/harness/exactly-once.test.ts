import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exactlyOnce, type HarnessOptions, isExact } from './exactly-once.js'

const SMALL: Omit<HarnessOptions, 'say'> = {
  ...{ clips: 190, videos: 10, consumers: 2, partitions: 3, seed: 5, patience: 240_000 },
  ...{ kills: 6, killEvery: 4000, brokerKills: 1, cuts: ['refused'], zombies: 1, unsafe: false },
}

test('killed, cut and stopped, every result comes exactly once, in topics and in Parquet', async (t) => {
  const report = await exactlyOnce({ ...SMALL, say: (line) => t.diagnostic(line) })
  t.diagnostic(JSON.stringify({ ...report, said: undefined }))
  assert.ok(isExact(report), report.said.join('\n'))
  assert.equal(report.deadLetters, 0)
  assert.equal(report.fleet.kills, 6)
})

/** Every consumer dies over and over, with results sent and nothing committed. */
const DYING = {
  ...{
    ...SMALL,
    clips: 80,
    videos: 0,
    consumers: 1,
    partitions: 1,
    kills: 0,
    brokerKills: 0,
    cuts: [],
    zombies: 0,
  },
  diesAt: 3,
}

test('a death between results and their commit doubles nothing', async (t) => {
  const report = await exactlyOnce({ ...DYING, say: (line) => t.diagnostic(line) })
  assert.ok(isExact(report), report.said.join('\n'))
  assert.ok(report.fleet.deaths > 0, 'nobody died')
})

test('without transactions it would, and this harness sees it', async (t) => {
  const report = await exactlyOnce({ ...DYING, unsafe: true, say: (line) => t.diagnostic(line) })
  assert.ok(report.fleet.deaths > 0, 'nobody died')
  assert.ok(report.embeddings.twice > 0, 'no result came twice')
  assert.ok(!isExact(report))
})
