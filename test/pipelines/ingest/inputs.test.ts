import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { freePort } from '../../support/child.js'
import { camera, eventually, ingestOptions, RunningIngest } from '../../support/ingest.js'

const FFMPEG = process.env.FFMPEG_PATH || 'ffmpeg'
const SCENE = [
  ...['-hide_banner', '-loglevel', 'error', '-nostdin', '-re', '-f', 'lavfi'],
  ...['-i', 'testsrc2=size=160x120:rate=10', '-threads', '1'],
]
const H264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '10']

let dir: string
let server: Server
const children = new Set<ChildProcess>()

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-inputs-'))
  await mkdir(join(dir, 'hls'))
  program([...SCENE, ...H264, '-hls_time', '1', '-hls_flags', 'delete_segments', join(dir, 'hls', 'a.m3u8')])
  server = createServer((request, response) => {
    if (request.url?.startsWith('/hls/')) {
      createReadStream(join(dir, 'hls', basename(request.url)))
        .on('error', () => response.writeHead(404).end())
        .pipe(response)
      return
    }
    const format = request.url === '/mjpeg' ? ['-c:v', 'mjpeg', '-f', 'mpjpeg'] : [...H264, '-f', 'mpegts']
    const type = request.url === '/mjpeg' ? 'multipart/x-mixed-replace;boundary=ffmpeg' : 'video/mp2t'
    response.writeHead(200, { 'content-type': type })
    const child = program([...SCENE, ...format, 'pipe:1'])
    child.stdout?.pipe(response)
    response.on('close', () => child.kill('SIGKILL'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
after(async () => {
  for (const child of children) child.kill('SIGKILL')
  server?.closeAllConnections()
  server?.close()
  await rm(dir, { recursive: true, force: true })
})

function program(args: readonly string[]): ChildProcess {
  const child = spawn(FFMPEG, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.add(child)
  child.on('exit', () => children.delete(child))
  return child
}

test('MPEG-TS, pictures one by one and HLS over HTTP, and RTMP, are cameras as RTSP is', async () => {
  const { port } = server.address() as AddressInfo
  const playlist = join(dir, 'hls', 'a.m3u8')
  let isThere = false
  await eventually(
    () => {
      void stat(playlist).then(
        () => {
          isThere = true
        },
        () => undefined,
      )
      return isThere
    },
    60,
    () => 'no playlist',
  )
  // A server for one: whoever connects is played to.
  const rtmp = `rtmp://127.0.0.1:${await freePort()}/live/a`
  program([...SCENE, ...H264, '-f', 'flv', '-listen', '1', rtmp])
  const windows = [{ kind: 'window', frames: 4, length: 1, stride: 0.5 }] as const
  const ids = {
    ts: `http://127.0.0.1:${port}/ts`,
    mjpeg: `http://127.0.0.1:${port}/mjpeg`,
    hls: `http://127.0.0.1:${port}/hls/a.m3u8`,
    rtmp,
  }
  const running = new RunningIngest(
    ingestOptions(Object.entries(ids).map(([id, url]) => camera(id, url, { windows, fps: 4 }))),
  )
  const about = (): string =>
    `${Object.keys(ids)
      .map((id) => `${id} ${running.clipsOf(id).length}`)
      .join(', ')}: ${running.said.slice(-8).join('')}`
  try {
    await eventually(() => Object.keys(ids).every((id) => running.clipsOf(id).length >= 3), 120, about)
  } finally {
    await running.stop()
  }
  for (const id of Object.keys(ids)) {
    const [first, second] = running.clipsOf(id)
    assert.ok(first !== undefined && second !== undefined && second.start > first.start)
    assert.ok(Math.abs(first.end - Date.now() / 1000) < 200, `${id}: ${first.end}`)
  }
})
