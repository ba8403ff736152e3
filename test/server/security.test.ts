import assert from 'node:assert/strict'
import { symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { StanflowError } from '../../src/errors.js'
import { cli, start } from '../support/cli.js'
import { ask, codeOf, event, Home, type Started, startOver } from './support.js'

const TOKEN = 'a-token-of-this-test'
const q = (source: string): string => encodeURIComponent(source)

suite('what the server lets nobody do', () => {
  let home: Home
  let results: string
  let open: Started
  let closed: Started
  let address: string

  before(async () => {
    home = await Home.make()
    const inside = await home.video('videos', 'a.mp4')
    const outside = await home.video('private', 'b.mp4')
    await symlink(outside, home.at('videos', 'link.mp4'))
    await writeFile(home.at('private', 'key.txt'), 'a private key')
    await writeFile(home.at('videos', 'notes.txt'), 'no video, though it lies among them')
    await symlink(home.at('private', 'key.txt'), home.at('videos', 'key.txt'))
    results = await home.results([
      { source: 'a.mp4', path: inside },
      { source: 'outside', path: outside },
      { source: 'dots', path: `${home.at('videos')}/../private/b.mp4` },
      { source: 'link', path: home.at('videos', 'link.mp4') },
      { source: 'no video', path: home.at('videos', 'key.txt') },
      { source: 'notes', path: home.at('videos', 'notes.txt') },
      { source: 'of the system', path: '/etc/passwd' },
    ])
    open = await startOver(results, [home.at('videos')], { searchesPerMinute: 20 })
    closed = await startOver(results, [home.at('videos')], { token: TOKEN })
    address = open.server.address
  })
  after(async () => {
    await open.close()
    await closed.close()
    await home.remove()
  })

  test('a name that another page made point here is refused (DNS rebinding)', async () => {
    for (const host of [
      'evil.example',
      'evil.example:4650',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
    ]) {
      const answer = await ask(address, '/api/sources', { headers: { host } })
      assert.deepEqual([answer.status, codeOf(answer)], [403, 'SERVER_FORBIDDEN'], host)
    }
    for (const host of ['127.0.0.1', 'localhost:4650', '[::1]:4650']) {
      assert.equal((await ask(address, '/api/sources', { headers: { host } })).status, 200, host)
    }
  })

  test('another page cannot have anything done (CSRF)', async () => {
    const retry = (headers: Readonly<Record<string, string>>) =>
      ask(address, '/api/dead-letters/retry', { method: 'POST', headers })
    const { host } = new URL(address)
    assert.equal((await retry({ origin: 'https://evil.example' })).status, 403)
    assert.equal((await retry({ origin: 'null' })).status, 403)
    assert.equal((await retry({ 'sec-fetch-site': 'cross-site' })).status, 403)
    assert.equal((await retry({ 'sec-fetch-site': 'same-site' })).status, 403)
    assert.deepEqual((await retry({ origin: `http://${host}`, 'sec-fetch-site': 'same-origin' })).json(), {
      sent: 7,
    })
    const form = await ask(address, '/api/session', {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: '{"token":"x"}',
    })
    assert.equal(form.status, 415)
  })

  test('files outside of the roots are not given, whatever a stored result names', async () => {
    assert.equal((await ask(address, '/api/media?source=a.mp4')).status, 200)
    for (const source of ['outside', 'dots', 'link', 'no video', 'notes', 'of the system']) {
      for (const route of ['media', 'picture', 'preview']) {
        const answer = await ask(address, `/api/${route}?source=${q(source)}&time=0&start=0&end=1`)
        assert.deepEqual([answer.status, codeOf(answer)], [403, 'MEDIA_OUTSIDE'], `${route} of ${source}`)
      }
    }
  })

  test("no path leads out of the page's own files", async () => {
    const ways = [
      '/../../../package.json',
      '/..%2f..%2f..%2fpackage.json',
      '/js/../../cli/main.js',
      '/js/%2e%2e/server.js',
    ]
    for (const path of [
      ...ways,
      '/js/..%5cserver.js',
      '/%2e%2e/%2e%2e/package.json',
      '/js/main.js.map',
      '//etc/passwd',
    ]) {
      const answer = await ask(address, path)
      assert.ok([400, 403, 404].includes(answer.status), `${path}: ${answer.status}`)
      assert.doesNotMatch(answer.body.toString(), /"name": "stanflow"|import |root:/, path)
    }
  })

  test('nothing is fetched from where a message says (SSRF)', async () => {
    const hits: string[] = []
    const inner = createServer((request, response) => {
      hits.push(request.url ?? '')
      response.end('secret')
    })
    inner.listen(0, '127.0.0.1').unref()
    await new Promise((resolve) => inner.once('listening', resolve))
    const base = `http://127.0.0.1:${(inner.address() as AddressInfo).port}`
    const places = [
      ...[
        `${base}/v.mp4`,
        `${base.replace('http', 'HTTP')}/v.mp4`,
        'rtsp://10.0.0.1/v.mp4',
        's3://bucket/v.mp4',
      ],
      ...[
        'file:///etc/passwd',
        `file://${home.at('private', 'b.mp4')}`,
        home.at('private', 'b.mp4'),
        '/etc/passwd',
      ],
      ...[`concat:${home.at('videos', 'a.mp4')}|${home.at('private', 'b.mp4')}.mp4`, '../private/b.mp4'],
    ]
    for (const [i, place] of places.entries()) {
      const episode = `ssrf-${i}`
      open.live.events(event({ event_id: episode, episode_id: episode, video: place, thumbnail: place }))
      for (const route of ['media', 'picture', 'preview']) {
        const answer = await ask(address, `/api/${route}?episode=${episode}&start=0&end=1`)
        assert.equal(answer.status, 403, `${route} of ${place}: ${answer.status}`)
      }
    }
    assert.deepEqual(hits, [])
    inner.close()
    const episode = 'mine'
    open.live.events(event({ event_id: episode, episode_id: episode, video: home.at('videos', 'a.mp4') }))
    assert.equal((await ask(address, `/api/media?episode=${episode}`)).status, 200)
  })

  test('every answer says what a browser may make of it', async () => {
    for (const path of [
      '/',
      '/js/main.js',
      '/api/live',
      '/api/media?source=a.mp4',
      '/nowhere',
      '/api/sources?limit=x',
    ]) {
      const { headers } = await ask(address, path)
      const policy = String(headers['content-security-policy'])
      assert.match(policy, /default-src 'none'/, path)
      assert.match(policy, /script-src 'self'(;|$)/, path)
      assert.match(policy, /frame-ancestors 'none'/, path)
      assert.match(policy, /require-trusted-types-for 'script'/, path)
      assert.doesNotMatch(policy, /unsafe|\*|data:/, path)
      assert.equal(headers['x-content-type-options'], 'nosniff', path)
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin', path)
      assert.equal(headers['access-control-allow-origin'], undefined, path)
    }
    const stream = await fetch(`${address}/api/stream`)
    assert.match(stream.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/)
    await stream.body?.cancel()
  })

  test('a token is asked for by everything that shows or does something', async () => {
    const at = closed.server.address
    for (const path of [
      '/api/sources',
      '/api/live',
      '/api/stream',
      '/api/media?source=a.mp4',
      '/api/openapi.json',
    ]) {
      const answer = await ask(at, path)
      assert.deepEqual([answer.status, codeOf(answer)], [401, 'SERVER_TOKEN'], path)
    }
    assert.equal((await ask(at, '/api/dead-letters/retry', { method: 'POST' })).status, 401)
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
    assert.equal((await ask(at, '/api/sources', bearer(`${TOKEN}x`))).status, 401)
    assert.equal((await ask(at, '/api/sources', bearer(TOKEN))).status, 200)
    assert.equal((await ask(at, '/api/sources', { headers: { cookie: 'stanflow=guess' } })).status, 401)
  })

  test('the token is traded for a cookie that no script sees and no other site sends', async () => {
    const at = closed.server.address
    const signIn = (token: string) =>
      ask(at, '/api/session', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token }),
      })
    assert.equal((await signIn('wrong')).status, 401)
    const answer = await signIn(TOKEN)
    assert.equal(answer.status, 200)
    const [cookie = ''] = answer.headers['set-cookie'] ?? []
    assert.match(cookie, /HttpOnly/)
    assert.match(cookie, /SameSite=Strict/)
    assert.ok(!cookie.includes(TOKEN))
    const [pair = ''] = cookie.split(';')
    assert.equal((await ask(at, '/api/sources', { headers: { cookie: pair } })).status, 200)
    const tries = await Promise.all(Array.from({ length: 12 }, (_, i) => signIn(`guess ${i}`)))
    assert.ok(
      tries.some(({ status }) => status === 429),
      'guessing is slowed down',
    )
  })

  test('nobody can search without end, or send without end', async () => {
    const asked = Array.from({ length: 25 }, () => ask(address, '/api/search?q=a'))
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    assert.equal(statuses.filter((status) => status === 200).length, 20)
    assert.equal(statuses.filter((status) => status === 429).length, 5)
    const body = JSON.stringify({ token: 'x'.repeat(20_000) })
    const headers = { 'content-type': 'application/json' }
    assert.equal((await ask(address, '/api/session', { method: 'POST', headers, body })).status, 413)
    assert.equal((await ask(address, `/api/sources?find=${'x'.repeat(600)}`)).status, 400)
    assert.equal((await ask(address, '/api/sources?limit=100000')).status, 400)
  })

  test('an unexpected error tells nothing of the inside', async () => {
    const answer = await ask(closed.server.address, '/api/search?q=boom', {
      headers: { authorization: `Bearer ${TOKEN}` },
    })
    assert.deepEqual([answer.status, codeOf(answer)], [500, 'INTERNAL'])
    assert.doesNotMatch(answer.body.toString(), /inside/)
  })

  test('a host that others reach takes a token: one is made, and is in no log', async () => {
    const opened = await startOver(results, [], { host: '0.0.0.0' }).catch((error: unknown) => error)
    if (!(opened instanceof StanflowError)) await (opened as Started).close()
    assert.equal((opened as StanflowError).code, 'SERVER_TOKEN')
    const running = start(['serve', results, '--host', '0.0.0.0', '--port', '0'])
    let said = ''
    let logged = ''
    running.child.stderr?.on('data', (chunk: Buffer) => {
      logged += chunk.toString()
    })
    const line = await new Promise<string>((resolve) => {
      running.child.stdout?.on('data', (chunk: Buffer) => {
        said += chunk.toString()
        if (said.includes('\n')) resolve(said)
      })
    })
    const [, port = '', token = ''] = /http:\/\/0\.0\.0\.0:(\d+)\/#token=(\S+)/.exec(line) ?? []
    assert.ok(token.length >= 32, line)
    const at = `http://127.0.0.1:${port}`
    assert.equal((await ask(at, '/api/sources')).status, 401)
    assert.equal(
      (await ask(at, '/api/sources', { headers: { authorization: `Bearer ${token}` } })).status,
      200,
    )
    running.child.kill('SIGTERM')
    assert.equal((await running.finished).code, 0)
    assert.ok(!logged.includes(token))
  })

  test('nothing to show is said, and where a port is taken', async () => {
    const none = await cli(['serve'])
    assert.equal(none.code, 2)
    assert.match(none.stderr, /There is nothing to show/)
    const taken = await cli(['serve', results, '--port', new URL(address).port])
    assert.equal(taken.code, 1)
    assert.match(taken.stderr, /EADDRINUSE/)
    assert.match(taken.stderr, /--port/)
  })

  test('behind a proxy one visitor who guesses locks no other out; without one nobody says who he is', async () => {
    const statuses = async (own: Started, path: string, addresses: readonly string[]): Promise<number[]> => {
      const all: number[] = []
      for (const address of addresses) {
        const forwarded = { 'x-forwarded-for': address }
        const answer =
          path === '/api/session'
            ? ask(own.server.address, path, {
                method: 'POST',
                headers: { ...forwarded, 'content-type': 'application/json' },
                body: '{"token":"a guess"}',
              })
            : ask(own.server.address, path, { headers: { ...forwarded, authorization: 'Bearer a guess' } })
        all.push((await answer).status)
      }
      return all
    }
    const ten = Array<number>(10).fill(401)
    // What a visitor says himself stands before what the proxy adds.
    const guesser = Array.from({ length: 11 }, (_, n) => `198.51.100.${n}, 203.0.113.1`)
    for (const path of ['/api/session', '/api/sources']) {
      const behind = await startOver(results, [], { token: TOKEN, trustProxy: ['127.0.0.0/8'] })
      const alone = await startOver(results, [], { token: TOKEN })
      try {
        assert.deepEqual(await statuses(behind, path, guesser), [...ten, 429], path)
        assert.deepEqual(await statuses(behind, path, ['203.0.113.2']), [401], path)
        const invented = Array.from({ length: 11 }, (_, n) => `203.0.113.${n}`)
        assert.deepEqual(await statuses(alone, path, invented), [...ten, 429], path)
      } finally {
        await behind.close()
        await alone.close()
      }
    }
  })

  test('tokens in headers cannot be guessed quicker than in the form', async () => {
    const own = await startOver(results, [home.at('videos')], { token: TOKEN })
    try {
      const sources = (token: string) =>
        ask(own.server.address, '/api/sources', { headers: { authorization: `Bearer ${token}` } })
      const statuses: number[] = []
      for (let n = 0; n < 12; n++) statuses.push((await sources(`guess ${n}`)).status)
      assert.deepEqual(statuses, [...Array<number>(10).fill(401), 429, 429])
      assert.equal((await sources(TOKEN)).status, 429)
    } finally {
      await own.close()
    }
  })
})
