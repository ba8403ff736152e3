import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isAllowed } from '../../src/alerts/address.js'
import { redelivery } from '../../src/alerts/backoff.js'
import { OffsetLedger } from '../../src/alerts/ledger.js'
import { Line } from '../../src/alerts/post.js'
import { receiverOf } from '../../src/alerts/receiver.js'
import { keysIn } from '../../src/alerts/signature.js'
import { receivers } from '../../src/config/alerts.js'
import { DEFAULTS } from '../../src/config/schema.js'
import { StanflowError } from '../../src/errors.js'
import { persist } from '../../src/persist.js'
import { folderWith } from '../config/folder.js'
import { event } from '../server/support.js'
import { SECRET, TestReceiver } from './receiver.js'

const codeOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    return error instanceof StanflowError ? error.code : String(error)
  }
  return 'nothing'
}

test('webhooks go to public addresses, to private ones where allowed, and to none where clouds keep credentials', () => {
  const hidden = [
    '10.1.2.3',
    '127.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '::1',
    '::',
  ]
  for (const address of [
    ...hidden,
    'fc00::1',
    'fd12::1',
    '::ffff:10.0.0.1',
    '::ffff:127.0.0.1',
    '2002:a00:1::',
  ]) {
    assert.equal(isAllowed(address, false), false, address)
  }
  for (const address of ['10.1.2.3', '127.0.0.1', '::1', 'fc00::1', '::ffff:10.0.0.1']) {
    assert.equal(isAllowed(address, true), true, address)
  }
  for (const address of [
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    'fe80::1',
    'fd00:ec2::254',
  ]) {
    assert.equal(isAllowed(address, true), false, address)
  }
  for (const address of ['93.184.216.34', '2606:2800:220:1::1', '172.32.0.1']) {
    assert.equal(isAllowed(address, false), true, address)
  }
})

test('a receiver is refused by what its URL says, without showing it', () => {
  const of =
    (url: string, more = {}) =>
    () =>
      receiverOf({ name: 'x', url, secret: SECRET, secretEnv: 'S', private: false, timeoutMs: 1000, ...more })
  assert.equal(codeOf(of('https://example.org/in')), 'nothing')
  assert.equal(codeOf(of('http://example.org/in')), 'WEBHOOK_ADDRESS')
  assert.equal(codeOf(of('https://127.0.0.1/in')), 'WEBHOOK_ADDRESS')
  assert.equal(codeOf(of('https://[::ffff:169.254.169.254]/in', { private: true })), 'WEBHOOK_ADDRESS')
  assert.equal(codeOf(of('https://0x7f.1/in')), 'WEBHOOK_ADDRESS')
  assert.equal(codeOf(of('ftp://example.org')), 'CONFIG_INVALID')
  assert.equal(codeOf(of('https://user:word@example.org')), 'CONFIG_INVALID')
  assert.equal(codeOf(of('https://example.org', { secret: undefined })), 'WEBHOOK_SECRET')
  assert.equal(codeOf(of('https://example.org', { secret: 'whsec_c2hvcnQ=' })), 'WEBHOOK_SECRET')
})

test('a name that leads to a private address is not connected to, and redirections are not followed', async () => {
  const inner = await TestReceiver.start()
  try {
    const { port } = new URL(inner.url)
    const named = receiverOf({
      ...{
        name: 'x',
        url: `https://localhost:${port}/in`,
        secret: SECRET,
        secretEnv: 'S',
        private: false,
        timeoutMs: 2000,
      },
    })
    const line = new Line(named)
    const outcome = await line.post({ ...event({}), clip_ids: [] })
    await line.close()
    assert.match(outcome.kind === 'failed' ? outcome.reason : '', /^localhost has an address/)
    assert.equal(inner.got.length, 0)

    inner.reply = () => 302
    const direct = new Line(inner.facts('direct'))
    const moved = await direct.post({ ...event({}), clip_ids: [] })
    await direct.close()
    assert.match(moved.kind === 'failed' ? moved.reason : '', /redirects \(302\)/)
    assert.equal(inner.requests, 1)
  } finally {
    await inner.stop()
  }
})

test('two keys sign side by side while one takes the place of the other', () => {
  assert.equal(keysIn(`${SECRET} ${SECRET}`)?.length, 2)
  assert.equal(keysIn('whsec_not base64!'), undefined)
  assert.equal(keysIn(''), undefined)
})

test('an event is tried so often and no more, and never before the receiver wants to be asked', async () => {
  const waits = async (last: { readonly refused: boolean; readonly waitMs?: number }) => {
    const told: number[] = []
    const again = redelivery({
      ...{ firstMs: 1, longestMs: 40, tries: 8, refusedTries: 3, signal: new AbortController().signal },
      last: () => ({ kind: 'failed', reason: 'it answers so', ...last }),
      onWait: (_, wait) => told.push(wait),
    })
    const failing = persist(async () => {
      throw new StanflowError('WEBHOOK_FAILED', 'It did not take it.')
    }, again)
    await assert.rejects(failing, { code: 'WEBHOOK_FAILED' })
    return told
  }
  const passing = await waits({ refused: false })
  assert.equal(passing.length, 7, 'the eighth try is the last')
  assert.ok(
    passing.every((wait, n) => wait >= 0.5 * Math.min(40, 2 ** n) && wait <= 1.5 * Math.min(40, 2 ** n)),
  )
  assert.equal((await waits({ refused: true })).length, 2)
  assert.ok(
    (await waits({ refused: true, waitMs: 30 })).every((wait) => wait >= 30),
    'as long as it asks',
  )
  assert.ok(
    (await waits({ refused: true, waitMs: 1e9 })).every((wait) => wait <= 60),
    'but not without end',
  )
})

test('nothing is committed that has something undone before it', () => {
  const order = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 0, maxLength: 8 })
  fc.assert(
    fc.property(order, (finished) => {
      const ledger = new OffsetLedger(100n)
      const ends = Array.from({ length: 8 }, (_, i) => ledger.take(100n + BigInt(i * 2)))
      for (const i of finished) ends[i]?.()
      let undone = 0
      while (finished.includes(undone)) undone++
      assert.equal(ledger.due(), undone === 0 ? undefined : 100n + BigInt((undone - 1) * 2) + 1n)
      assert.equal(ledger.take(104n), undefined, 'what was taken on is not taken on again')
    }),
  )
})

test('the alerts file: receivers with wishes of their own, secrets from the environment only', async (t) => {
  const dir = await folderWith(t, {
    'alerts.yaml':
      'webhooks:\n  - name: guard\n    url-env: GUARD_URL\n    secret-env: GUARD_SECRET\n    rules: [falls]\n    timeout: 5s\n',
    'secret.yaml': 'webhooks:\n  - name: guard\n    url: https://example.org\n    secret: whsec_abc\n',
  })
  const config = { ...DEFAULTS, alerts: `${dir}/alerts.yaml` }
  const env = { GUARD_URL: 'https://example.org/in', GUARD_SECRET: SECRET }
  const [guard] = await receivers(config, env)
  assert.deepEqual(
    [guard?.name, guard?.url.host, guard?.timeoutMs, guard?.rules],
    ['guard', 'example.org', 5000, ['falls']],
  )
  await assert.rejects(receivers(config, { GUARD_SECRET: SECRET }), /GUARD_URL, which is not set/)
  await assert.rejects(
    receivers(config, { GUARD_URL: 'https://example.org/in' }),
    /GUARD_SECRET.* is not set/,
  )
  await assert.rejects(receivers({ ...DEFAULTS, alerts: `${dir}/secret.yaml` }, env), /secret/)
})
