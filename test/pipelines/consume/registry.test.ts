import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { tail } from '../../../pipelines/tail.js'
import { renderVideo } from '../../../src/media/encode.js'
import { type Fault, FaultProxy } from '../../support/fault-proxy.js'
import { sharedRegistry } from '../../support/kafka.js'
import { ownTopics, running, until } from './support.js'

const SECONDS = 2
/** What an orderly end may take, which waits for no registry: far less than asking it until it gives up. */
const END_MS = 20_000

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-registry-'))
  const filter = `testsrc2=size=96x72:rate=10:duration=${SECONDS}`
  await renderVideo(join(dir, 'v.mp4'), { filter, codec: 'h264' })
})
after(() => rm(dir, { recursive: true, force: true }))

for (const fault of ['refused', 'hang'] satisfies Fault[]) {
  test(`a consumer told to end while the registry is away (${fault}) ends in order and soon, and nothing is lost`, async (t) => {
    const real = new URL(await sharedRegistry())
    const proxy = await FaultProxy.start({ target: { port: Number(real.port) } })
    t.after(() => proxy.stop())
    const registry = Object.assign(new URL(real), { port: String(proxy.port) }).href
    const { consuming, send, ask, cluster } = await ownTopics(1)
    await send([await ask('v.mp4', join(dir, 'v.mp4'), 0), await ask('w.mp4', join(dir, 'v.mp4'), 0)])
    const labels = async (): Promise<number> => {
      let count = 0
      const reading = { ...cluster, registry, topics: ['labels'], from: 'beginning', toEnd: true } as const
      for await (const _ of tail(reading)) count++
      return count
    }
    await proxy.set(fault)
    const first = running({ ...consuming, registry })
    // One that hangs says nothing for a minute, so what is waited for is that a request came.
    if (fault === 'hang') await until('it asks', () => proxy.stuck > 0)
    else await until('it waits', () => /KAFKA_REGISTRY/.test(first.waiting() ?? ''))
    const told = performance.now()
    first.stop()
    const { clips, deadLetters } = await first.done
    const took = performance.now() - told
    assert.ok(took < END_MS, `${took} ms`)
    assert.deepEqual([clips, deadLetters], [0, 0])
    await proxy.set('none')
    const second = running({ ...consuming, registry })
    await until('results', async () => (await labels()) >= 2 * SECONDS)
    second.stop()
    assert.equal((await second.done).clips, 2 * SECONDS)
  })
}
