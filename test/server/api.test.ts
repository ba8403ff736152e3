import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, codeOf, event, Home, type Started, serving, startOver } from './support.js'

suite('the API', () => {
  let home: Home
  let results: string
  let started: Started
  let address: string
  const odd = 'a#b?c%20 ü.mp4'

  before(async () => {
    home = await Home.make()
    const stored = [
      { source: odd, path: await home.video('videos', odd), label: 'a red wall' },
      { source: 'deep/b.mp4', path: await home.video('videos', 'deep', 'b.mp4'), label: 'a blue wall' },
    ]
    results = await home.results(stored)
    started = await startOver(results, [home.at('videos')], { heartbeatMs: 100 })
    address = started.server.address
  })
  after(async () => {
    await started.close()
    await home.remove()
  })

  test('gives video by ranges, whatever its name', async () => {
    const path = `/api/media?source=${encodeURIComponent(odd)}`
    const whole = await ask(address, path)
    assert.deepEqual([whole.status, whole.headers['content-type']], [200, 'video/mp4'])
    assert.equal(whole.headers['accept-ranges'], 'bytes')
    const size = whole.body.length
    const piece = await ask(address, path, { headers: { range: 'bytes=10-19' } })
    assert.deepEqual([piece.status, piece.headers['content-range']], [206, `bytes 10-19/${size}`])
    assert.deepEqual(piece.body, whole.body.subarray(10, 20))
    const tail = await ask(address, path, { headers: { range: 'bytes=-5' } })
    assert.deepEqual(tail.body, whole.body.subarray(-5))
    assert.equal((await ask(address, path, { headers: { range: `bytes=${size}-` } })).status, 416)
  })

  test('makes pictures and clips of moments', async () => {
    const picture = await ask(address, '/api/picture?source=deep%2Fb.mp4&time=1.5')
    assert.deepEqual([picture.status, picture.headers['content-type']], [200, 'image/jpeg'])
    assert.equal(picture.body.subarray(0, 2).toString('hex'), 'ffd8')
    const clip = await ask(address, '/api/preview?source=deep%2Fb.mp4&start=1&end=2')
    assert.deepEqual([clip.status, clip.headers['content-type']], [200, 'video/mp4'])
    assert.equal(clip.body.subarray(4, 8).toString(), 'ftyp')
    const again = await ask(address, '/api/preview?source=deep%2Fb.mp4&start=1&end=2', {
      headers: { range: 'bytes=0-3' },
    })
    assert.equal(again.status, 206)
    assert.equal(
      codeOf(await ask(address, '/api/preview?source=deep%2Fb.mp4&start=2&end=1')),
      'SERVER_REQUEST',
    )
    assert.equal(codeOf(await ask(address, '/api/media?source=deep%2Fb.mp4&episode=x')), 'SERVER_REQUEST')
  })

  test('lists sources, by name and by label, and their timelines', async () => {
    const list = async (query: string) =>
      (await ask(address, `/api/sources?${query}`)).json() as { total: number; sources: { source: string }[] }
    assert.equal((await list('')).total, 2)
    assert.deepEqual(
      (await list('find=BLUE')).sources.map(({ source }) => source),
      ['deep/b.mp4'],
    )
    assert.deepEqual(
      (await list('limit=1&offset=1')).sources.map(({ source }) => source),
      ['deep/b.mp4'],
    )
    const timeline = (await ask(address, '/api/timeline?source=deep%2Fb.mp4')).json() as { tracks: unknown }
    const [score] = [Math.fround(0.9)]
    assert.deepEqual(timeline.tracks, [{ label: 'a blue wall', spans: [{ start: 0, end: 3, score }] }])
    assert.equal(codeOf(await ask(address, '/api/timeline?source=none')), 'SERVER_NOT_FOUND')
  })

  test('streams what is new, goes on after the last id, and beats', async () => {
    const listen = (last?: string) => {
      let text = ''
      const { hostname, port } = new URL(address)
      const headers = last === undefined ? {} : { 'last-event-id': last }
      const open = request({ hostname, port, path: '/api/stream', headers, agent: false }, (response) => {
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString()
        })
        response.on('error', () => undefined)
      })
      open.on('error', () => undefined).end()
      const until = async (met: (text: string) => boolean): Promise<string> => {
        for (let i = 0; i < 1200 && !met(text); i++) await sleep(50)
        assert.ok(met(text), text)
        return text
      }
      return { until, close: () => open.destroy() }
    }
    const ids = (text: string): string[] => [...text.matchAll(/^id: (.*)$/gm)].map(([, id = '']) => id)
    const { hub } = started.server
    const first = listen()
    await first.until((text) => text.includes('event: hello') && text.includes(': beat'))
    hub.publish('letters', { n: 1 })
    const last = ids(await first.until((text) => text.includes('"n":1'))).at(-1)
    first.close()
    hub.publish('letters', { n: 2 })
    hub.publish('letters', { n: 3 })
    const second = listen(last)
    const missed = await second.until((text) => text.includes('"n":3'))
    assert.ok(missed.includes('"n":2') && !missed.includes('"n":1') && !missed.includes('hello'), missed)
    second.close()
    // Of another run of the server, nothing is known.
    const third = listen('00000000-1')
    await third.until((text) => text.includes('event: hello'))
    third.close()
    for (let i = 0; i < 1100; i++) hub.publish('letters', {})
    const fourth = listen(last)
    await fourth.until((text) => text.includes('event: hello'))
    fourth.close()
  })

  test('is described by OpenAPI: every route, what it takes and gives', async () => {
    const described = (await ask(address, '/api/openapi.json')).json() as {
      openapi: string
      paths: Record<string, Record<string, { summary?: string; responses: Record<string, unknown> }>>
    }
    assert.match(described.openapi, /^3\.1/)
    const routes = Object.entries(described.paths).flatMap(([path, ways]) =>
      Object.keys(ways).map((way) => `${way} ${path}`),
    )
    assert.deepEqual(routes.sort(), [
      ...[
        'get /api/dead-letters',
        'get /api/footage',
        'get /api/health',
        'get /api/live',
        'get /api/media',
        'get /api/picture',
      ],
      ...['get /api/preview', 'get /api/search', 'get /api/session', 'get /api/sources', 'get /api/stream'],
      ...['get /api/timeline', 'post /api/dead-letters/retry', 'post /api/session'],
    ])
    for (const ways of Object.values(described.paths)) {
      for (const { summary, responses } of Object.values(ways)) {
        assert.ok(summary !== undefined && summary.length > 10)
        assert.ok('200' in responses && '4XX' in responses)
      }
    }
  })

  test('what episodes bring along is given by their ids', async () => {
    started.live.events(event({ event_id: 'v', episode_id: 'v', video: home.at('videos', 'deep', 'b.mp4') }))
    assert.equal((await ask(address, '/api/media?episode=v')).headers['content-type'], 'video/mp4')
    assert.equal(codeOf(await ask(address, '/api/picture?episode=v')), 'SERVER_NOT_FOUND')
    const live = (await ask(address, '/api/live')).json() as {
      episodes: { id: string; picture: boolean; video: boolean }[]
    }
    const found = live.episodes.find(({ id }) => id === 'v')
    assert.deepEqual([found?.picture, found?.video], [false, true])
  })

  test('results that come while it runs show up by themselves; a folder may be empty at first', async () => {
    const other = await Home.make()
    const { shown, stop } = await serving({ results: other.at('out'), media: [other.at('videos')] })
    try {
      assert.match(shown.notes.join(), /no results in .* yet/)
      const path = await other.video('videos', 'new.mp4')
      await other.results([{ source: 'new.mp4', path }])
      let total = 0
      for (let i = 0; i < 600 && total === 0; i++) {
        await sleep(100)
        total = ((await ask(shown.address, '/api/sources')).json() as { total: number }).total
      }
      assert.equal(total, 1)
      const letters = (await ask(shown.address, '/api/dead-letters')).json() as {
        waiting: number
        retriable: number
      }
      assert.deepEqual([letters.waiting, letters.retriable], [1, 0])
    } finally {
      await stop()
      await other.remove()
    }
  })
})
