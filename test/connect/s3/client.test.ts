import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { S3 } from '../../../src/connect/s3/client.js'
import { parseS3 } from '../../../src/connect/s3/uri.js'
import { type Fault, FaultProxy } from '../../support/fault-proxy.js'
import { type S3Server, s3Server } from '../../support/s3.js'

let server: S3Server
let s3: S3
let bucket: string
before(async () => {
  server = await s3Server()
  s3 = new S3(server.settings)
  bucket = await server.bucket()
})
after(() => s3.close())

const at = (key: string) => ({ bucket, key })

test('objects are stored whole, read whole and by ranges, listed over pages, removed', async () => {
  const bytes = randomBytes(20 * 1024 * 1024)
  assert.ok(await s3.put(at('large'), bytes))
  assert.ok(bytes.equals((await s3.get(at('large')))?.body ?? Buffer.alloc(0)))
  assert.deepEqual(
    Buffer.from(await s3.range(at('large'), [9_000_000, 9_000_500], undefined)),
    bytes.subarray(9_000_000, 9_000_500),
  )
  await Promise.all(
    Array.from({ length: 1100 }, (_, i) =>
      writeFile(server.file(bucket, `n-${String(i).padStart(4, '0')}`), ''),
    ),
  )
  let count = 0
  for await (const { key } of s3.list(at('n-'))) {
    assert.equal(key, `n-${String(count).padStart(4, '0')}`)
    count++
  }
  assert.equal(count, 1100)
  await s3.remove(at('large'))
  await s3.remove(at('large'))
  assert.equal(await s3.get(at('large')), undefined)
  assert.equal(await s3.head(at('large')), undefined)
})

test('of ten that create an object at once, small or in parts, one does; a stale ETag overwrites nothing', async () => {
  for (const size of [10, 20 * 1024 * 1024]) {
    const key = `race-${size}`
    const puts = Array.from({ length: 10 }, (_, i) =>
      s3.put(at(key), Buffer.alloc(size, i), { ifNoneMatch: '*' }),
    )
    const won = (await Promise.all(puts)).flatMap((etag, i) => (etag === undefined ? [] : [i]))
    assert.equal(won.length, 1)
    const found = await s3.get(at(key))
    assert.equal(found?.body.length, size)
    assert.equal(found?.body[0], won[0])
    assert.equal(await s3.put(at(key), 'x', { ifMatch: '"0123"' }), undefined)
    assert.ok(await s3.put(at(key), 'y', { ifMatch: found?.etag ?? '' }))
  }
  assert.equal(await s3.put(at('none'), 'x', { ifMatch: '"0123"' }), undefined)
})

test('an object that changed since it was listed is not read on', async () => {
  await s3.put(at('changing'), 'first')
  const before = await s3.head(at('changing'))
  await s3.put(at('changing'), 'other')
  await assert.rejects(s3.range(at('changing'), [0, 2], before?.etag), { code: 'INPUT_CHANGED' })
})

test('what is set up wrongly is said by a code of its own', async () => {
  const { credentials } = server.settings
  const wrong = (more: object) => new S3({ ...server.settings, ...more })
  const get = (client: S3) => client.get(at('a'))
  const secret = 'not-the-secret-of-this-key'
  const cases = {
    S3_CREDENTIALS: [
      () => get(wrong({ credentials: { ...credentials, accessKeyId: 'nobody-at-all' } })),
      () => get(wrong({ credentials: { ...credentials, secretAccessKey: secret } })),
    ],
    S3_REGION: [() => get(wrong({ region: 'eu-north-1' }))],
    S3_BUCKET_MISSING: [
      () => s3.get({ bucket: 'no-such-bucket', key: 'a' }),
      () => s3.put({ bucket: 'no-such-bucket', key: 'a' }, 'x'),
      () => s3.list({ bucket: 'no-such-bucket', key: '' }).next(),
    ],
    S3_OBJECT_MISSING: [() => s3.range(at('no-such-object'), [0, 1], undefined)],
  }
  for (const [code, calls] of Object.entries(cases)) {
    for (const call of calls) {
      await assert.rejects(call, (error: Error & { code?: string; hint?: string }) => {
        assert.equal(error.code, code, error.message)
        assert.ok((error.hint ?? '').length > 20)
        assert.ok(!JSON.stringify([error, error.cause, error.stack]).includes(secret))
        return true
      })
    }
  }
  const user = await server.user()
  const nobody = { accessKeyId: user.AWS_ACCESS_KEY_ID, secretAccessKey: user.AWS_SECRET_ACCESS_KEY }
  await assert.rejects(get(wrong({ credentials: nobody })), { code: 'S3_FORBIDDEN' })
  assert.throws(() => parseS3('s3:///a'), { code: 'USAGE_INVALID' })
})

test('a connection that is cut is taken up again: refused, reset, 503, hanging, broken off amid an answer', async () => {
  const proxy = await FaultProxy.start({ target: { port: Number(new URL(server.endpoint).port) } })
  const through = new S3({
    ...server.settings,
    endpoint: `http://127.0.0.1:${proxy.port}`,
    timeoutSeconds: 0.5,
  })
  try {
    const bytes = randomBytes(3_000_000)
    for (const fault of ['refused', 'reset', '503', 'hang'] satisfies Fault[]) {
      await proxy.set(fault)
      const put = through.put(at(fault), bytes)
      const read = through.range(at('race-10'), [0, 1], undefined)
      await sleep(700)
      await proxy.set('none')
      assert.ok(await put, fault)
      assert.equal(Buffer.from(await read).toString(), 'y')
      assert.ok(bytes.equals((await s3.get(at(fault)))?.body ?? Buffer.alloc(0)))
    }
    proxy.cutAfter(1_000_000)
    assert.ok(bytes.equals((await through.get(at('reset')))?.body ?? Buffer.alloc(0)))
  } finally {
    through.close()
    await proxy.stop()
  }
})

test('a server that stays away is given up on', async () => {
  process.env.AWS_MAX_ATTEMPTS = '2'
  const away = new S3({ ...server.settings, endpoint: 'http://127.0.0.1:9' })
  delete process.env.AWS_MAX_ATTEMPTS
  await assert.rejects(away.get(at('a')), { code: 'S3_UNAVAILABLE', message: /ECONNREFUSED/ })
})
