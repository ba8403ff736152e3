import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { type PullHooks, type PullOptions, pull } from '../../pipelines/models.js'
import { takeLock } from '../../src/connect/files/lock.js'
import { StanflowError } from '../../src/errors.js'
import { openSafetensors } from '../../src/model/formats/safetensors.js'
import { writeSafetensors } from '../../src/model/formats/write-safetensors.js'
import { Proxies, proxyFor } from '../../src/model/hub/proxy.js'
import { pullModel } from '../../src/model/hub/pull.js'
import { requireRepo } from '../../src/model/hub/repo.js'
import { openModel } from '../../src/model/load.js'
import { writeCheckpoint } from '../support/checkpoints.js'
import { fixture } from '../support/fixtures.js'
import { Hub } from '../support/hub.js'

const ID = 'tiny-team/clip-tiny'
const COMMIT = 'c0ffee00'.repeat(5)
const WEIGHTS = readFileSync(fixture('tiny/model.safetensors'))
const FILES = new Map([
  ['README.md', Buffer.from('# A model')],
  ['config.json', readFileSync(fixture('tiny/config.json'))],
  ['flax_model.msgpack', Buffer.alloc(50_000)],
  ['model.safetensors', WEIGHTS],
  ['pytorch_model.bin', Buffer.alloc(50_000)],
  ['tokenizer.json', Buffer.from('{"version":"1.0"}')],
])

const hub = new Hub()
let cache: string
before(() => hub.start())
after(() => hub.stop())
beforeEach(async () => {
  hub.forget()
  hub.add({ id: ID, commit: COMMIT, revisions: ['main', 'v1', 'refs/pr/1'], files: FILES })
  cache = await mkdtemp(join(tmpdir(), 'stanflow-hub-'))
})
afterEach(() => rm(cache, { recursive: true }))

const PATIENCE = { attempts: 4, pause: 1, idle: 2000 }
const fetchModel = (more: Partial<PullOptions> = {}, hooks: PullHooks = {}, env = {}) =>
  pull({ model: ID, endpoint: hub.endpoint, cache, ...more }, { patience: PATIENCE, ...hooks }, env)

const failsWith = (code: string, message?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StanflowError, String(error))
  assert.equal(error.code, code, error.message)
  if (message !== undefined) assert.match(`${error.message} ${error.hint}`, message)
  return true
}

/** Everything in the cache, hidden or not, as paths. */
const everything = (): string[] =>
  existsSync(cache) ? (readdirSync(cache, { recursive: true }) as string[]).sort() : []
const finalFolder = () => join(cache, 'models', 'tiny-team--clip-tiny', COMMIT)
/** Whether so much of the weights has come to rest on the disk. */
const partHas = (bytes: number) => () => {
  const part = everything().find((name) => name.endsWith('model.safetensors.part'))
  return part !== undefined && statSync(join(cache, part)).size >= bytes
}
const assertNothingFinal = (): void => assert.ok(!existsSync(finalFolder()))
const assertWhole = (): void =>
  assert.deepEqual(readFileSync(join(finalFolder(), 'model.safetensors')), WEIGHTS)

describe('a model is pulled', () => {
  test('only what is needed, whole, into the cache by name and commit; the second time nothing', async () => {
    const seen: { bytes: number; total: number }[] = []
    const { folder, commit, unchanged } = await fetchModel({}, { onProgress: (now) => seen.push(now) })
    assert.deepEqual([folder, commit, unchanged], [finalFolder(), COMMIT, false])
    assertWhole()
    assert.deepEqual(readdirSync(folder).sort(), [
      'config.json',
      'model.safetensors',
      'pulled.json',
      'tokenizer.json',
    ])
    const needed = ['config.json', 'tokenizer.json', 'model.safetensors'].map(
      (name) => FILES.get(name)?.length ?? 0,
    )
    const total = needed.reduce((sum, bytes) => sum + bytes, 0)
    assert.deepEqual(seen.at(-1), { bytes: total, total, what: 'model.safetensors' })
    assert.equal(hub.sent(/resolve|safetensors/), total)
    assert.equal(hub.seen.filter(({ path }) => /README|msgpack|\.bin/.test(path)).length, 0)
    assert.deepEqual(
      everything().filter((name) => name.includes('.pulling')),
      [],
    )

    hub.forget()
    assert.equal((await fetchModel()).unchanged, true)
    assert.deepEqual(
      hub.seen.map(({ path }) => path),
      [`/api/models/${ID}/revision/main`],
    )
    hub.forget()
    assert.equal((await fetchModel({ revision: COMMIT })).unchanged, true)
    assert.deepEqual(hub.seen, [], 'a commit never changes: nobody is asked')
  })

  test('--model owner/name then opens it, at any revision that was pulled', async () => {
    process.env.STANFLOW_CACHE = cache
    try {
      await fetchModel({ cache: undefined, revision: 'refs/pr/1' }, {}, { STANFLOW_CACHE: cache })
      await fetchModel({ revision: 'v1' })
      const direct = openModel({ model: fixture('tiny'), structure: 'mean' })
      for (const model of [`${ID}@v1`, `${ID}@${COMMIT}`, `${ID}@refs/pr/1`]) {
        const opened = openModel({ model, structure: 'mean' })
        assert.deepEqual([opened.name, opened.digest], [model, direct.digest])
      }
      const absent = () => openModel({ model: ID, structure: 'mean' })
      assert.throws(absent, failsWith('MODEL_NOT_FOUND', new RegExp(`stanflow models pull ${ID}`)))
    } finally {
      delete process.env.STANFLOW_CACHE
    }
  })

  test('a branch that moved on: the old commit stays, and weights that did not change are not fetched again', async () => {
    await fetchModel()
    const commit = 'beef'.repeat(10)
    const files = new Map([...FILES, ['config.json', Buffer.from(`${FILES.get('config.json')}\n`)]])
    hub.add({ id: ID, commit, revisions: ['main'], files })
    hub.forget()
    const { folder, unchanged } = await fetchModel()
    assert.deepEqual([folder.endsWith(commit), unchanged], [true, false])
    assert.deepEqual(readFileSync(join(folder, 'model.safetensors')), WEIGHTS)
    assert.deepEqual(readFileSync(join(folder, 'config.json')), files.get('config.json'))
    assert.equal(hub.sent(/safetensors/), 0)
    assertWhole()
  })

  test('what is left of an unfinished pull of a commit that is gone is cleared away', async () => {
    hub.fail(/^cdn/, { status: 503 }, 100)
    await assert.rejects(fetchModel(), failsWith('HUB_UNREACHABLE'))
    assert.ok(everything().some((name) => name.includes(`.pulling-${COMMIT}`)))
    hub.forget()
    hub.add({ id: ID, commit: 'beef'.repeat(10), revisions: ['main'], files: FILES })
    await fetchModel()
    assert.deepEqual(
      everything().filter((name) => name.includes('.pulling')),
      [],
    )
  })

  test('weights in shards become one file', async () => {
    const tiny = openSafetensors(fixture('tiny/model.safetensors'))
    const files = new Map([...FILES].filter(([name]) => name !== 'model.safetensors'))
    const map: Record<string, string> = {}
    for (const half of [0, 1]) {
      const part = new Map([...tiny.tensors].filter((_, n) => n % 2 === half))
      const name = `model-0000${half + 1}-of-00002.safetensors`
      await writeSafetensors(join(cache, name), part)
      files.set(name, readFileSync(join(cache, name)))
      for (const tensor of part.keys()) map[tensor] = name
    }
    tiny.close()
    files.set('model.safetensors.index.json', Buffer.from(JSON.stringify({ weight_map: map })))
    hub.add({ id: ID, commit: COMMIT, revisions: ['main'], files })
    hub.fail(/^cdn.*00002-of/, { cutAfter: 200_000 })
    const { folder } = await fetchModel()
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.includes('safetensors')),
      ['model.safetensors'],
    )
    openModel({ model: folder, structure: 'mean' })

    files.delete('model-00002-of-00002.safetensors')
    hub.add({ id: ID, commit: 'beef'.repeat(10), revisions: ['main'], files })
    await assert.rejects(fetchModel(), failsWith('MODEL_NOT_FOUND'))
  })

  test('PyTorch’s weights with an old pair of tokenizer files become a model folder', async () => {
    const checkpoint = join(cache, 'checkpoint')
    writeCheckpoint('openai-clip', checkpoint)
    const files = new Map([
      ['config.json', FILES.get('config.json') as Buffer],
      ['pytorch_model.bin', readFileSync(checkpoint)],
      ['vocab.json', Buffer.from('{"a":0,"<|startoftext|>":1,"<|endoftext|>":2}')],
      ['merges.txt', Buffer.from('#version: 0.2\na b\n')],
    ])
    hub.add({ id: ID, commit: COMMIT, revisions: ['main'], files })
    const { folder } = await fetchModel()
    const opened = openModel({ model: folder, structure: 'mean' })
    assert.equal(opened.parameters, openModel({ model: fixture('tiny'), structure: 'mean' }).parameters)
    const tokenizer = JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8'))
    assert.deepEqual([tokenizer.model.merges, tokenizer.post_processor.sep], [['a b'], ['<|endoftext|>', 2]])
    assert.ok(!existsSync(join(folder, 'pytorch_model.bin')))
  })
})

describe('a connection that fails is taken up where it broke', () => {
  test('cut in the middle of a file, three times: each byte is sent once', async () => {
    let sent = 0
    for (const cutAfter of [300_000, 100_000, 500_000]) {
      sent += cutAfter
      hub.fail(/^cdn.*safetensors/, { cutAfter, cutWhen: partHas(sent) })
    }
    await fetchModel()
    assertWhole()
    assert.equal(hub.sent(/safetensors/), WEIGHTS.length)
    assert.deepEqual(
      hub.seen.filter(({ server }) => server === 'cdn').map(({ range }) => range),
      [undefined, 'bytes=300000-', 'bytes=400000-', 'bytes=900000-'],
    )
  })

  test('given up, and taken up by the next run', async () => {
    hub.fail(/^cdn.*safetensors/, { cutAfter: 700_000, cutWhen: partHas(700_000) })
    hub.fail(/^cdn/, { status: 503 }, 100)
    await assert.rejects(fetchModel(), failsWith('HUB_UNREACHABLE', /503/))
    assertNothingFinal()
    hub.seen.length = 0
    hub.forget()
    await fetchModel()
    assertWhole()
    assert.equal(hub.sent(/safetensors/), WEIGHTS.length - 700_000)
    assert.equal(hub.sent(/config/), 0, 'small files that are there are not fetched again either')
  })

  test('a server that stops in mid-file, or says nothing at all, is left after a while', async () => {
    hub.fail(/^cdn.*safetensors/, { stall: true })
    hub.fail(/^cdn.*safetensors/, { mute: true })
    hub.fail(/^hub.*config/, { mute: true })
    await fetchModel()
    assertWhole()
    assert.equal(hub.sent(/safetensors/), WEIGHTS.length)
  })

  test('busy servers are asked again after a pause, and people are told', async () => {
    const notes: string[] = []
    hub.fail(/^hub\/api/, { status: 429, headers: { 'retry-after': '0' } })
    hub.fail(/^hub.*config/, { status: 503 }, 2)
    hub.fail(/^cdn/, { status: 502 })
    // The address of a CDN is good for a while only.
    hub.fail(/^cdn/, { status: 403 })
    await fetchModel({}, { onNote: (note) => notes.push(note) })
    assertWhole()
    assert.equal(notes.length, 5)
    assert.match(notes[0] as string, /429.*trying again in 0\.0s/)
  })

  test('a server that stays away is given up after so many tries', async () => {
    hub.fail(/api/, { status: 503 }, 100)
    await assert.rejects(fetchModel(), failsWith('HUB_UNREACHABLE', /tried 4 times/))
    assert.equal(hub.seen.length, 4)
    const gone = await new Hub().start()
    const endpoint = gone.endpoint
    await gone.stop()
    await assert.rejects(fetchModel({ endpoint }), failsWith('HUB_UNREACHABLE', /ECONNREFUSED/))
  })

  test('a server that starts over each time, and is cut each time, does not go on for ever', async () => {
    hub.fail(/^cdn/, { ignoreRange: true, cutAfter: 1000 }, 100)
    await assert.rejects(fetchModel(), failsWith('HUB_UNREACHABLE'))
  })

  test('stopped by its user: the part stays, and the next run goes on', async () => {
    const stop = new AbortController()
    hub.fail(/^cdn/, { stall: true })
    const onProgress = ({ what }: { what: string }) => what === 'model.safetensors' && stop.abort()
    await assert.rejects(fetchModel({}, { signal: stop.signal, onProgress }), { name: 'AbortError' })
    assertNothingFinal()
    await fetchModel()
    assertWhole()
    assert.equal(hub.sent(/safetensors/), WEIGHTS.length)
  })
})

describe('a file that changed meanwhile is never mixed with its old self', () => {
  test('another tag: the server sends the whole, which replaces the part', async () => {
    hub.fail(/^cdn/, { cutAfter: 300_000, cutWhen: partHas(300_000), etag: '"the old one"' })
    await fetchModel()
    assertWhole()
    const asked = hub.seen.filter(({ server }) => server === 'cdn')
    assert.deepEqual(
      asked.map(({ status }) => status),
      [200, 200],
    )
  })

  test('a mirror that goes on under another tag is asked for the whole', async () => {
    hub.fail(/^cdn/, { cutAfter: 300_000, cutWhen: partHas(300_000), etag: '"the old one"' })
    hub.fail(/^cdn/, { ignoreIfRange: true })
    await fetchModel()
    assertWhole()
    assert.deepEqual(
      hub.seen.filter(({ server }) => server === 'cdn').map(({ status, range }) => [status, range]),
      [
        [200, undefined],
        [206, 'bytes=300000-'],
        [200, undefined],
      ],
    )
  })

  test('a mirror that knows no ranges sends the whole', async () => {
    hub.fail(/^cdn/, { cutAfter: 300_000, cutWhen: partHas(300_000) })
    hub.fail(/^cdn/, { ignoreRange: true })
    await fetchModel()
    assertWhole()
  })

  test('a part with wrong bytes in it, from an earlier run, is found out and fetched anew', async () => {
    hub.fail(/^cdn/, { tamper: true, cutAfter: 900_000, cutWhen: partHas(900_000) })
    hub.fail(/^cdn/, { status: 503 }, 100)
    await assert.rejects(fetchModel(), failsWith('HUB_UNREACHABLE'))
    hub.forget()
    await fetchModel()
    assertWhole()
  })
})

describe('a file that is not what the hub lists is refused, and nothing of it is left', () => {
  const assertNoWeights = (): void => {
    assertNothingFinal()
    assert.deepEqual(
      everything().filter((name) => name.includes('safetensors')),
      [],
    )
  }

  test('tampered with', async () => {
    hub.fail(/^cdn/, { tamper: true }, 100)
    await assert.rejects(fetchModel(), failsWith('HUB_CHECKSUM', /model\.safetensors/))
    assertNoWeights()
  })

  test('a small file tampered with', async () => {
    hub.fail(/config/, { tamper: true }, 100)
    await assert.rejects(fetchModel(), failsWith('HUB_CHECKSUM', /config\.json/))
    assertNoWeights()
  })

  test('truncated on the server', async () => {
    hub.fail(/^cdn/, { truncate: 600_000 }, 100)
    await assert.rejects(fetchModel(), failsWith('HUB_CHECKSUM', /600000 of the \d+ bytes/))
    assertNoWeights()
  })

  test('longer than listed', async () => {
    const longer = new Map([...FILES, ['model.safetensors', WEIGHTS.subarray(0, 500_000)]])
    hub.add({ id: ID, commit: COMMIT, revisions: ['main'], files: longer })
    hub.fail(/^hub.*safetensors/, {
      status: 302,
      headers: { location: `${hub.endpoint}/other/model/resolve/main/model.safetensors` },
    })
    hub.add({ id: 'other/model', commit: 'abcd'.repeat(10), revisions: ['main'], files: FILES })
    await assert.rejects(fetchModel(), failsWith('HUB_CHECKSUM', /longer/))
    assertNoWeights()
  })

  test('right bytes that are no weights', async () => {
    const files = new Map([...FILES, ['model.safetensors', Buffer.alloc(20_000, 'junk')]])
    hub.add({ id: ID, commit: COMMIT, revisions: ['main'], files })
    await assert.rejects(fetchModel(), failsWith('MODEL_WEIGHTS'))
    assertNothingFinal()
  })

  test('no CLIP at all: its weights are not even asked for', async () => {
    const files = new Map([...FILES, ['config.json', Buffer.from('{"model_type":"bert"}')]])
    hub.add({ id: ID, commit: COMMIT, revisions: ['main'], files })
    await assert.rejects(fetchModel(), failsWith('MODEL_CONFIG'))
    assert.equal(hub.sent(/safetensors/), 0)
  })
})

describe('who may not is told why', () => {
  test('401: no such model, or a private one without a token', async () => {
    await assert.rejects(fetchModel({ model: 'no/where' }), failsWith('HUB_UNAUTHORIZED', /HF_TOKEN/))
    hub.add({ id: ID, commit: COMMIT, revisions: ['main'], files: FILES, token: 'hf_right' })
    await assert.rejects(fetchModel(), failsWith('HUB_UNAUTHORIZED', /Invalid username or password/))
    await assert.rejects(fetchModel({ token: 'hf_wrong' }), failsWith('HUB_UNAUTHORIZED', /not accepted/))
  })

  test('a private model with its token, which goes to the hub and never to the CDN', async () => {
    hub.add({ id: ID, commit: COMMIT, revisions: ['main'], files: FILES, token: 'hf_right' })
    await fetchModel({}, {}, { HF_TOKEN: 'hf_right' })
    assertWhole()
    const by = (server: string) => hub.seen.filter((seen) => seen.server === server)
    assert.ok(by('hub').every(({ authorization }) => authorization === 'Bearer hf_right'))
    assert.ok(by('cdn').length > 0 && by('cdn').every(({ authorization }) => authorization === undefined))
    for (const name of everything().filter((path) => path.endsWith('.json')))
      assert.doesNotMatch(readFileSync(join(cache, name), 'utf8'), /hf_right/)
  })

  test('403: a gated model', async () => {
    hub.add({ id: ID, commit: COMMIT, revisions: ['main'], files: FILES, gated: true })
    await assert.rejects(
      fetchModel({ token: 'hf_any' }),
      failsWith('HUB_FORBIDDEN', /is restricted.*Ask for access/),
    )
  })

  test('404: no such revision', async () => {
    await assert.rejects(fetchModel({ revision: 'v9' }), failsWith('HUB_NOT_FOUND', /Invalid rev id: v9/))
  })

  test('redirects on the same host are followed; to strange protocols they are not', async () => {
    hub.fail(/^hub.*resolve.*config/, {
      status: 307,
      headers: { location: `/${ID}/resolve/main/config.json?cached` },
    })
    await fetchModel()
    await rm(finalFolder(), { recursive: true })
    hub.fail(/^hub.*resolve.*config/, { status: 302, headers: { location: 'file:///etc/passwd' } })
    await assert.rejects(fetchModel(), failsWith('HUB_REFUSED'))
    hub.fail(/^hub.*resolve.*config/, { status: 302, headers: { location: 'config.json' } }, 100)
    await assert.rejects(fetchModel(), failsWith('HUB_REFUSED', /circles/))
  })

  test('what is no hub', async () => {
    hub.fail(/api/, { status: 200 })
    await assert.rejects(fetchModel(), failsWith('HUB_REFUSED', /does not answer as a hub/))
    await assert.rejects(fetchModel({ endpoint: 'hub.example.com' }), failsWith('USAGE_INVALID'))
    await assert.rejects(fetchModel({ model: 'clip' }), failsWith('USAGE_INVALID'))
    await assert.rejects(fetchModel({ model: '../../etc/passwd' }), failsWith('USAGE_INVALID'))
  })
})

describe('behind a proxy', () => {
  test('the environment names it; hosts in NO_PROXY are reached directly', async () => {
    const tunnels: string[] = []
    const proxy = createServer()
    proxy.on('connect', ({ url = '' }, client: Socket) => {
      tunnels.push(url)
      const server = connect(Number(url.split(':')[1]), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n')
        server.pipe(client).pipe(server)
      })
      server.on('error', () => client.destroy())
      client.on('error', () => server.destroy())
    })
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    try {
      await fetchModel({}, {}, { HTTP_PROXY: address, NO_PROXY: 'localhost' })
      assertWhole()
      assert.deepEqual(
        [...new Set(tunnels)],
        [hub.endpoint.replace('http://', '')],
        'the CDN is on localhost',
      )
    } finally {
      proxy.closeAllConnections()
      proxy.close()
    }
  })

  test('as curl reads it', () => {
    const hubUrl = new URL('https://hub.example.com/x')
    for (const [env, expected] of [
      [{ HTTPS_PROXY: 'http://p:1' }, 'http://p:1'],
      [{ https_proxy: 'http://q:1', HTTPS_PROXY: 'http://p:1' }, 'http://q:1'],
      [{ HTTP_PROXY: 'http://p:1' }, undefined],
      [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: 'example.com' }, undefined],
      [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: '.example.com, other' }, undefined],
      [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: '*' }, undefined],
      [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: 'ample.com' }, 'http://p:1'],
      [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: 'hub.example.com:8443' }, 'http://p:1'],
    ] as const)
      assert.equal(proxyFor(hubUrl, env), expected, JSON.stringify(env))
  })
})

test('offline: what is in the cache, and nobody is asked', async () => {
  for (const env of [{ STANFLOW_OFFLINE: '1' }, { HF_HUB_OFFLINE: '1' }]) {
    await assert.rejects(fetchModel({}, {}, env), failsWith('HUB_OFFLINE'))
  }
  assert.deepEqual(hub.seen, [])
  await fetchModel()
  hub.forget()
  assert.equal((await fetchModel({}, {}, { HF_HUB_OFFLINE: '1' })).unchanged, true)
  assert.deepEqual(hub.seen, [])
})

test('two pulls of one model do not get in each other’s way', async () => {
  hub.fail(/^cdn/, { stall: true })
  const outcomes = await Promise.allSettled([fetchModel(), fetchModel()])
  const failed = outcomes.filter((outcome) => outcome.status === 'rejected')
  assert.equal(failed.length, 1)
  failsWith('OUTPUT_LOCKED')(failed[0]?.reason)
  assertWhole()
})

test('a pull that has the lock after another one was done finds the model, and fetches nothing', async () => {
  let first = true
  let asked = 0
  const proxies = new Proxies({})
  const { folder, unchanged } = await pullModel({
    repo: requireRepo(ID, undefined),
    ...{ cache, offline: false, version: 'test' },
    client: {
      ...{ endpoint: new URL(`${hub.endpoint}/`), token: undefined, signal: new AbortController().signal },
      ...{ attempts: 1, pause: 1, idle: 2000, userAgent: 'test', proxies, onWait: () => undefined },
    },
    async lock(pulling) {
      if (first) {
        first = false
        await fetchModel()
        asked = hub.seen.length
      }
      return takeLock(join(pulling, '.lock'), 'test')
    },
  }).finally(() => proxies.close())
  assert.deepEqual([folder, unchanged, hub.seen.length], [finalFolder(), true, asked])
  assertWhole()
  assert.deepEqual(
    everything().filter((name) => name.includes('.pulling')),
    [],
  )
})

test('a cache that cannot be written is said so', async () => {
  await writeFile(join(cache, 'file'), '')
  await assert.rejects(fetchModel({ cache: join(cache, 'file') }), failsWith('OUTPUT_WRITE'))
})
