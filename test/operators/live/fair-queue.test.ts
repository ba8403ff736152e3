import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FairQueue } from '../../../operators/index.js'

test('whoever offers how much: all are served alike, the newest stay, and everything is served or dropped', async () => {
  const rates = fc.array(fc.integer({ min: 3, max: 9 }), { minLength: 2, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(rates, async (perRound) => {
      const dropped: string[] = []
      const limit = 2 * perRound.length
      const queue = new FairQueue<string>({ limit: () => limit, onDropped: (item) => dropped.push(item) })
      const items = queue.items()
      const served: string[] = []
      let offered = 0
      for (let round = 0; round < 40; round++) {
        for (const [source, count] of perRound.entries()) {
          for (let n = 0; n < count; n++)
            queue.offer(String(source), `${source}:${String(offered++).padStart(6, '0')}`)
        }
        assert.ok(queue.size <= limit)
        // As many as there are sources: less than what comes.
        for (let n = 0; n < perRound.length; n++) served.push((await items.next()).value as string)
      }
      const counts = perRound.map(
        (_, source) => served.filter((item) => item.startsWith(`${source}:`)).length,
      )
      assert.ok(
        Math.max(...counts) - Math.min(...counts) <= 0.1 * (served.length / counts.length),
        counts.join(),
      )
      queue.close()
      for await (const item of items) served.push(item)
      assert.equal(served.length + dropped.length, offered)
      for (const source of perRound.keys()) {
        const own = served.filter((item) => item.startsWith(`${source}:`))
        assert.deepEqual(own, [...own].sort(), 'in order')
      }
    }),
    { numRuns: 50 },
  )
})

test('a queue that is closed takes nothing in, and says so', async () => {
  const dropped: number[] = []
  const queue = new FairQueue<number>({ limit: () => 5, onDropped: (item) => dropped.push(item) })
  queue.offer('a', 1)
  queue.close()
  queue.offer('a', 2)
  const taken: number[] = []
  for await (const item of queue.items()) taken.push(item)
  assert.deepEqual([taken, dropped], [[1], [2]])
})
