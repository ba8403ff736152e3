import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Budget } from '../../../operators/index.js'
import { Errand } from '../../../pipelines/consume/errand.js'
import { spanOf } from '../../../pipelines/consume/orders.js'
import { Work } from '../../../src/connect/kafka/delivery/work.js'

const nothing = (): void => undefined

function errand(places: Budget, offset: bigint): Errand {
  const at = { topic: 'videos', partition: 0 }
  const record = { offset, key: null, value: Buffer.from('x'), headers: {}, timestamp: 0 }
  const facts = { at, record, skip: 0, quarantined: false, deaths: 0 }
  const work = new Work({ ...facts, onChange: nothing, onGoingOn: nothing })
  return new Errand({ work, trace: spanOf(work), places })
}

test('records that waited together do not come back into one place together', async () => {
  const places = new Budget(1)
  const waiting = [0n, 1n, 2n].map((offset) => {
    const one = errand(places, offset)
    one.wait('the bucket is away')
    return one
  })
  const busy = errand(places, 3n)
  const most: number[] = []
  const back = waiting.map(async (one) => {
    await one.goOn()
    most.push(places.inFlight)
    one.leave()
  })
  busy.leave()
  await Promise.all(back)
  assert.deepEqual(most, [1, 1, 1])
  assert.equal(places.inFlight, 0)
})

test('a record that was lost while it waited for a place takes none', async () => {
  const places = new Budget(1)
  const lost = errand(places, 0n)
  lost.wait('the bucket is away')
  const busy = errand(places, 1n)
  const back = lost.goOn()
  lost.work.lose()
  busy.leave()
  await back
  assert.equal(places.inFlight, 0)
})
