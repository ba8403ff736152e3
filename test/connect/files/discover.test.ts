import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, copyFile, link, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { discover } from '../../../src/connect/files/discover.js'
import { inFolder } from './support.js'

const run = promisify(execFile)

/** Makes files (content: their name), and folders for names that end in a slash. */
async function make(dir: string, ...names: string[]): Promise<void> {
  for (const name of names) {
    const path = join(dir, name)
    await mkdir(name.endsWith('/') ? path : dirname(path), { recursive: true })
    if (!name.endsWith('/')) await writeFile(path, name)
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

/** Everything found: a source, or `source CODE`. */
async function found(inputs: readonly string[], options: Parameters<typeof discover>[1]): Promise<string[]> {
  const items = await all(discover(inputs, options))
  return items.map((item) => ('error' in item ? `${item.source} ${item.error.code}` : item.source))
}

test('a folder is searched in name order; hidden names, other files and the output folder are passed over', () =>
  inFolder(async (dir) => {
    await make(
      dir,
      'b/2.MP4',
      'b/1.mkv',
      'a.mp4',
      'c.webm',
      'notes.txt',
      '.hidden.mp4',
      '.cache/x.mp4',
      'out/x.mp4',
    )
    assert.deepEqual(await found([dir], { root: dir, skip: join(dir, 'out') }), [
      'a.mp4',
      'b/1.mkv',
      'b/2.MP4',
      'c.webm',
    ])
  }))

test('a video carries its path, size, time and fingerprint; outside the root its source is the whole path', () =>
  inFolder(async (dir) => {
    await make(dir, 'in/a.mp4', 'in..side.mp4')
    await utimes(join(dir, 'in/a.mp4'), 10, 20.5)
    const root = join(dir, 'in')
    const [item] = await all(discover([root], { root }))
    assert.ok(item && !('error' in item))
    const { fingerprint, ...facts } = item
    assert.deepEqual(facts, { source: 'a.mp4', path: join(root, 'a.mp4'), bytes: 8, modifiedMs: 20_500 })
    assert.match(fingerprint, /^[0-9a-f]{64}$/)
    const outside = join(dir, 'in..side.mp4')
    assert.deepEqual(await found([outside], { root }), [outside])
    assert.deepEqual(await found([outside], { root: dir }), ['in..side.mp4'])
  }))

test('the fingerprint follows the content: size, head, middle and tail, not name or time', () =>
  inFolder(async (dir) => {
    const bytes = Buffer.alloc(1_000_000, 'stanflow')
    const fingerprintOf = async (name: string, content: Buffer) => {
      await writeFile(join(dir, name), content)
      const [item] = await all(discover([join(dir, name)], { root: dir }))
      return item && 'fingerprint' in item ? item.fingerprint : assert.fail('no video')
    }
    const original = await fingerprintOf('a.mp4', bytes)
    assert.equal(await fingerprintOf('b.mp4', bytes), original)
    const others = [bytes.subarray(1), bytes.subarray(0, -1)]
    for (const at of [0, 500_000, 999_999]) {
      const changed = Buffer.from(bytes)
      changed[at] = 0
      others.push(changed)
    }
    const prints = new Set([original])
    for (const content of others) prints.add(await fingerprintOf('c.mp4', content))
    assert.equal(prints.size, 6)
  }))

test('files, folders, globs and lists mix, and a file named by several of them comes once', () =>
  inFolder(async (dir) => {
    await make(dir, 'v/a.mp4', 'v/b.mp4', 'v/deep/c.mov', 'v/d.dat', 'v/[x].mp4', 'lists/')
    await writeFile(
      join(dir, 'lists/l.txt'),
      '\uFEFF# a comment\r\n\r\n../v/b.mp4\r\n../v/a.mp4\n../v/deep\n',
    )
    await writeFile(
      join(dir, 'lists/l.jsonl'),
      '{"path": "../v/d.dat", "camera": 3}\n{"path": "../v/a.mp4"}\n',
    )
    await symlink(join(dir, 'v/a.mp4'), join(dir, 'link.mp4'))
    const at = (name: string) => join(dir, name)
    const look = (...names: string[]) => found(names.map(at), { root: dir })
    assert.deepEqual(await look('lists/l.txt', 'v', 'link.mp4'), [
      'v/b.mp4',
      'v/a.mp4',
      'v/deep/c.mov',
      'v/[x].mp4',
    ])
    assert.deepEqual(await look('v', 'v', 'v/a.mp4', 'link.mp4', 'lists/l.txt'), [
      'v/[x].mp4',
      'v/a.mp4',
      'v/b.mp4',
      'v/deep/c.mov',
    ])
    assert.deepEqual(await look('v/**/*.{mov,dat}'), ['v/d.dat', 'v/deep/c.mov'])
    assert.deepEqual(await look('v/*'), ['v/[x].mp4', 'v/a.mp4', 'v/b.mp4'])
    assert.deepEqual(await look('v/[x].mp4'), ['v/[x].mp4'])
    assert.deepEqual(await look('lists/l.jsonl', 'v/d.dat'), ['v/d.dat', 'v/a.mp4'])
  }))

test('what is wrong comes as an error item with its code, and the search goes on', () =>
  inFolder(async (dir) => {
    await make(dir, 'v/a.mp4', 'v/z.mp4', 'v/folder.mp4/inner.mp4', 'empty/', 'v/text.txt')
    await writeFile(join(dir, 'v/empty.mp4'), '')
    await symlink('nowhere', join(dir, 'v/dangling.mp4'))
    await symlink('loop.mp4', join(dir, 'v/loop.mp4'))
    await run('mkfifo', [join(dir, 'v/pipe.mp4')])
    await writeFile(join(dir, 'bad.jsonl'), '{"path": 3}\nnonsense\n{"path": "missing.mp4"}\n')
    await writeFile(join(dir, 'blank.txt'), '\n# nothing\n')
    const inputs = ['v', 'gone.mp4', 'gone/*.mp4', 'empty', 'bad.jsonl', 'blank.txt', 'v/pipe.mp4/x']
    assert.deepEqual(
      await found(
        inputs.map((name) => join(dir, name)),
        { root: dir },
      ),
      [
        'v/a.mp4',
        'v/dangling.mp4 INPUT_NOT_FOUND',
        'v/empty.mp4 INPUT_EMPTY',
        'v/folder.mp4 INPUT_NOT_A_FILE',
        'v/loop.mp4 INPUT_NOT_FOUND',
        'v/pipe.mp4 INPUT_NOT_A_FILE',
        'v/z.mp4',
        'gone.mp4 INPUT_NOT_FOUND',
        'gone/*.mp4 INPUT_NONE',
        'empty INPUT_NONE',
        'bad.jsonl:1 INPUT_LIST_INVALID',
        'bad.jsonl:2 INPUT_LIST_INVALID',
        'missing.mp4 INPUT_NOT_FOUND',
        'blank.txt INPUT_NONE',
        'v/pipe.mp4/x INPUT_NOT_FOUND',
      ],
    )
  }))

test('links within a folder add nothing, links out of it are followed once, loops end', () =>
  inFolder(async (dir) => {
    await make(dir, 'v/a/1.mp4', 'v/b/2.mp4', 'v/.store/3.mp4', 'else/4.mp4')
    await symlink('../b', join(dir, 'v/a/to-b'))
    await symlink('../a', join(dir, 'v/b/to-a'))
    await symlink('.', join(dir, 'v/a/self'))
    await symlink('../b/2.mp4', join(dir, 'v/a/0.mp4'))
    await symlink('.store/3.mp4', join(dir, 'v/shown.mp4'))
    await symlink('../else', join(dir, 'v/out'))
    const names = ['v/a/1.mp4', 'v/b/2.mp4', 'v/out/4.mp4', 'v/shown.mp4']
    const globbed = await found([join(dir, 'v/**/*.mp4')], { root: dir })
    assert.deepEqual(globbed.sort(), names)
    await symlink('../v', join(dir, 'else/back'))
    assert.deepEqual(await found([join(dir, 'v')], { root: dir }), names)
    assert.deepEqual(await found([join(dir, 'v/a/0.mp4')], { root: dir }), ['v/a/0.mp4'])
  }))

test('two names for one content are two videos', () =>
  inFolder(async (dir) => {
    await make(dir, 'a.mp4')
    await copyFile(join(dir, 'a.mp4'), join(dir, 'copy.mp4'))
    await link(join(dir, 'a.mp4'), join(dir, 'hard.mp4'))
    assert.deepEqual(await found([dir], { root: dir }), ['a.mp4', 'copy.mp4', 'hard.mp4'])
  }))

test('the search is lazy: what vanishes after it began is told, and an abort ends it', () =>
  inFolder(async (dir) => {
    await make(dir, '1.mp4', '2.mp4', '3.mp4', '4.mp4')
    const abort = new AbortController()
    const items = discover([dir], { root: dir, signal: abort.signal })
    const next = async () => {
      const { value } = await items.next()
      return value && ('error' in value ? `${value.source} ${value.error.code}` : value.source)
    }
    assert.equal(await next(), '1.mp4')
    await rm(join(dir, '2.mp4'))
    await rename(join(dir, '4.mp4'), join(dir, '5.mp4'))
    assert.equal(await next(), '2.mp4 INPUT_NOT_FOUND')
    assert.equal(await next(), '3.mp4')
    abort.abort()
    assert.equal(await next(), undefined)
  }))

test('a file that is known by name, size and time is not read', () =>
  inFolder(async (dir) => {
    await make(dir, 'a.mp4', 'b.mp4')
    const known = (source: string, bytes: number) => (source === 'a.mp4' && bytes === 5 ? 'known' : undefined)
    const items = await all(discover([dir], { root: dir, known }))
    assert.deepEqual(
      items.map((item) => 'fingerprint' in item && item.fingerprint === 'known'),
      [true, false],
    )
  }))

test('files and folders that may not be read are told, and the search goes on', async (t) => {
  if (process.getuid?.() !== 0) {
    t.skip('taking on another user needs root')
    return
  }
  await inFolder(async (dir) => {
    await make(dir, 'closed/x.mp4', 'b.mp4', 'z.mp4')
    await chmod(join(dir, 'closed'), 0o700)
    await chmod(join(dir, 'b.mp4'), 0o600)
    await chmod(dir, 0o755)
    const search = `const { discover } = await import(process.argv[1]); process.seteuid(65534)
      for await (const { source, error } of discover([process.argv[2]], { root: process.argv[2] }))
        console.log(source, error?.code ?? '')`
    const module = fileURLToPath(new URL('../../../src/connect/files/discover.js', import.meta.url))
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', search, module, dir])
    assert.deepEqual(
      stdout.split('\n').map((line) => line.trim()),
      ['b.mp4 INPUT_PERMISSION', 'closed INPUT_PERMISSION', 'z.mp4', ''],
    )
  })
})
