import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AlertsOptions, alerts } from '../../pipelines/alerts.js'
import { retry } from '../../pipelines/retry.js'
import { tail } from '../../pipelines/tail.js'
import { TestTopics } from '../server/topics.js'
import { start } from '../support/cli.js'
import { type Got, SECRET, TestReceiver } from './receiver.js'

const QUICK = { firstMs: 40, longestMs: 200 }

suite('alerts', () => {
  const stops: (() => Promise<unknown>)[] = []
  let topics: TestTopics
  before(async () => {
    topics = await TestTopics.make()
  })
  after(async () => {
    for (const stop of stops.reverse()) await stop()
    await topics.close()
  })

  async function receiver(reply?: (got: Got, nth: number) => number | 'hang' | 'drop') {
    const made = await TestReceiver.start(reply)
    stops.push(() => made.stop())
    return made
  }

  /** Runs until stopped; resolves once all receivers stand ready. */
  async function running(options: Partial<AlertsOptions> & Pick<AlertsOptions, 'receivers' | 'group'>) {
    const ended = new AbortController()
    let done: ReturnType<typeof alerts> | undefined
    await new Promise<void>((resolve, reject) => {
      done = alerts(
        { ...topics.options, from: 'now', tries: 50, sessionTimeout: 6, backoff: QUICK, ...options },
        { signal: ended.signal, onReady: resolve },
      )
      done.catch(reject)
    })
    return async () => {
      ended.abort()
      return done
    }
  }

  const send = async (
    name: string,
    sources: readonly string[],
    each: number,
  ): Promise<Record<string, string[]>> => {
    const sent: Record<string, string[]> = {}
    for (let i = 0; i < each; i++) {
      for (const source of sources) {
        const event_id = `${name}-${source}-${i}`
        await topics.event({ event_id, source })
        sent[source] = [...(sent[source] ?? []), event_id]
      }
    }
    return sent
  }

  test('a receiver that fails, hangs and gets things twice: every event, in order per camera, under one key', async () => {
    const replies = [500, 'hang', 'drop', 503, 204] as const
    const rough = await receiver((_got, nth) => replies[Math.min(nth, replies.length) - 1] as number)
    const fine = await receiver()
    const stop = await running({ group: 'g1', receivers: [rough.facts('rough'), fine.facts('fine')] })
    const sources = ['camera:a', 'camera:b', 'camera:c']
    const sent = await send('rough', sources, 3)
    await fine.until(({ taken }) => taken.length === 9, 'the other receiver does not wait')
    assert.ok(rough.taken.length < 9)
    await rough.until(({ taken }) => taken.length === 18, 'all arrive in the end, each taken twice')
    const summary = await stop()
    assert.deepEqual(rough.order(), sent)
    assert.deepEqual(fine.order(), sent)
    assert.deepEqual([rough.unsigned, fine.unsigned], [[], []], 'signed at every try')
    for (const { id, key } of [...rough.got, ...fine.got]) assert.equal(id, key)
    assert.equal(rough.got.length, 9 * 5)
    assert.equal(summary?.deadLetters, 0)
    // The next of a camera is not even tried before the one before it was taken.
    const firsts = new Map<string, number>()
    for (const [i, { key }] of rough.got.entries()) if (!firsts.has(key)) firsts.set(key, i)
    for (const ids of Object.values(sent)) {
      const taken = ids.map((id) => rough.got.findLastIndex(({ key }) => key === id))
      for (const [i, id] of ids.entries()) {
        if (i > 0) assert.ok(Number(firsts.get(id)) > Number(taken[i - 1]))
      }
    }
  })

  test('a camera whose event is not taken holds up no other camera', async () => {
    let stuck = true
    const picky = await receiver(({ source }) => (stuck && source === 'camera:stuck' ? 500 : 204))
    const stop = await running({ group: 'g2', receivers: [picky.facts('picky')] })
    const sent = await send('picky', ['camera:stuck', 'camera:free'], 4)
    await picky.until(({ taken }) => taken.length === 4, 'the other camera goes on')
    assert.ok(picky.taken.every(({ source }) => source === 'camera:free'))
    stuck = false
    await picky.until(({ taken }) => taken.length === 8, 'then the one that was stuck')
    await stop()
    assert.deepEqual(picky.order(), sent)
  })

  test('what was not delivered when it ended is delivered by the next run, and new ones too', async () => {
    let up = false
    const away = await receiver(() => (up ? 204 : 500))
    const options = { group: 'g3', receivers: [away.facts('away')] }
    const stop = await running(options)
    const sent = await send('away', ['camera:a'], 3)
    await away.until(({ got }) => got.length > 2, 'it is tried')
    await stop()
    const missed = await send('missed', ['camera:a'], 2)
    up = true
    const again = await running(options)
    await away.until(({ taken }) => taken.length >= 5, 'all of them')
    await again()
    assert.deepEqual(away.order(), {
      'camera:a': [...(sent['camera:a'] ?? []), ...(missed['camera:a'] ?? [])],
    })
  })

  test('what a receiver will not have goes to the dead letters, and by retry to that receiver alone', async () => {
    let picky = true
    const sour = await receiver(({ key }) => (picky && key === 'sour-camera:a-1' ? 422 : 204))
    const other = await receiver()
    const stop = await running({ group: 'g4', receivers: [sour.facts('sour'), other.facts('other')] })
    await send('sour', ['camera:a'], 3)
    await sour.until(({ taken }) => taken.length === 2, 'the others are taken')
    assert.equal(sour.got.filter(({ key }) => key === 'sour-camera:a-1').length, 3, 'three tries')
    const letters: { key: string | null; value: unknown }[] = []
    for await (const letter of tail({
      ...topics.options,
      topics: ['dead-letter'],
      from: 'beginning',
      toEnd: true,
    })) {
      letters.push(letter)
    }
    const { code, message } = (letters[0]?.value ?? {}) as { code?: string; message?: string }
    assert.deepEqual([letters.length, letters[0]?.key, code], [1, 'camera:a', 'WEBHOOK_FAILED'])
    assert.match(
      String(message),
      /^The webhook sour did not take the event sour-camera:a-1: it answers 422\.$/,
    )
    await other.until(({ taken }) => taken.length === 3, 'the other receiver has them all')
    picky = false
    const again = { group: `${topics.options.prefix}retry`, sessionTimeout: 6, dryRun: false }
    assert.equal(await retry({ ...topics.options, ...again }), 1)
    await sour.until(({ taken }) => taken.length === 3, 'it comes again')
    await sleep(300)
    await stop()
    assert.equal(other.taken.length, 3, 'who had it is not told again')
  })

  test('a receiver is told what it asked for', async () => {
    const halls = await receiver()
    const wanted = { kinds: ['rule-opened'], sources: ['camera:hall-*'], rules: ['fall*'] }
    const stop = await running({ group: 'g5', receivers: [halls.facts('halls', wanted)] })
    await topics.event({ event_id: 'w1', source: 'camera:hall-1', rule: 'falls' })
    await topics.event({ event_id: 'w2', source: 'camera:hall-1', rule: 'falls', kind: 'rule-closed' })
    await topics.event({ event_id: 'w3', source: 'camera:yard', rule: 'falls' })
    await topics.event({ event_id: 'w4', source: 'camera:hall-1', rule: 'crowd' })
    await topics.event({ event_id: 'w5', source: 'camera:hall-1', rule: 'fallen' })
    await halls.until(({ taken }) => taken.length === 2, 'two of five')
    await stop()
    assert.deepEqual(
      halls.got.map(({ key }) => key),
      ['w1', 'w5'],
    )
  })

  test('kill -9 again and again: nothing is missed, nothing out of order', async () => {
    const slow = await receiver()
    const args = [
      'alerts',
      '--brokers',
      topics.options.kafka.brokers[0] ?? '',
      '--prefix',
      topics.options.prefix,
    ]
    const launch = () =>
      start(
        [...args, '--webhook', slow.url, '--webhook-private', '--session-timeout', '6s', '--group', 'g6'],
        {
          env: { STANFLOW_WEBHOOK_SECRET: SECRET, STANFLOW_LOG_LEVEL: 'debug' },
        },
      )
    const ready = async (running: ReturnType<typeof launch>): Promise<void> => {
      let said = ''
      await new Promise<void>((resolve) => {
        running.child.stderr?.on('data', (chunk: Buffer) => {
          said += chunk.toString()
          if (said.includes('"ready"')) resolve()
        })
      })
    }
    let current = launch()
    await ready(current)
    const sent = await send('killed', ['camera:a', 'camera:b'], 30)
    for (const many of [5, 25, 45]) {
      await slow.until(({ taken }) => taken.length >= many, `${many} of them`)
      current.child.kill('SIGKILL')
      const { stderr } = await current.finished
      assert.ok(!stderr.includes('of-the-receiver') && !stderr.includes(SECRET), 'no log holds a key')
      current = launch()
    }
    await slow.until((one) => Object.values(one.order()).flat().length === 60, 'all sixty')
    await sleep(1000)
    current.child.kill('SIGTERM')
    assert.equal((await current.finished).code, 0)
    assert.deepEqual(slow.order(), sent)
  })
})
